// Asks @vladmandic/human about whole photographs, as photographs.py asks peers in Python:
// node human.mjs FOLDER, where FOLDER holds node_modules with @vladmandic/human and TensorFlow.js with its WASM backend.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

const folder = path.resolve(process.argv[2]);
const require = createRequire(path.join(folder, "package.json"));
// What the library prints of itself must not stand among the predictions.
console.log = console.info = console.error;
const write = (value) => process.stdout.write(JSON.stringify(value) + "\n");

// By folder: the package exports neither its models nor its package.json.
const home = path.join(folder, "node_modules", "@vladmandic", "human");
const wasm = path.join(folder, "node_modules", "@tensorflow", "tfjs-backend-wasm", "dist");
// Node's fetch opens no files, and the library loads its weights by fetch.
const fetched = globalThis.fetch;
globalThis.fetch = async (url, options) => {
  const name = String(url);
  return name.startsWith("file://") ? new Response(readFileSync(new URL(name))) : fetched(url, options);
};
const { Human } = require(path.join(home, "dist", "human.node-wasm.js"));
const human = new Human({
  backend: "wasm",
  wasmPath: wasm + path.sep,
  modelBasePath: `file://${path.join(home, "models")}/`,
  cacheSensitivity: 0,
  debug: false,
  filter: { enabled: false },
  body: { enabled: false },
  hand: { enabled: false },
  gesture: { enabled: false },
  object: { enabled: false },
  // Every emotion above nothing, so that a face always has one.
  face: { enabled: true, emotion: { enabled: true, minConfidence: 0 }, iris: { enabled: false }, description: { enabled: false } },
});
await human.load();
const version = JSON.parse(readFileSync(path.join(home, "package.json"), "utf8")).version;
write({ version, python: `Node ${process.versions.node}` });

let waiting = Buffer.alloc(0);
let size = null;
for await (const chunk of process.stdin) {
  waiting = Buffer.concat([waiting, chunk]);
  for (;;) {
    if (size === null) {
      const end = waiting.indexOf(10);
      if (end < 0) break;
      size = waiting.subarray(0, end).toString().trim().split(" ").map(Number);
      waiting = waiting.subarray(end + 1);
    }
    const bytes = size[0] * size[1] * 3;
    if (waiting.length < bytes) break;
    const asked = performance.now();
    const picture = human.tf.tensor(new Uint8Array(waiting.subarray(0, bytes)), [1, ...size, 3], "float32");
    const { face, error } = await human.detect(picture);
    picture.dispose();
    if (error) throw new Error(error);
    const area = (one) => one.box[2] * one.box[3];
    const largest = face.sort((a, b) => area(b) - area(a))[0];
    const emotion = largest?.emotion?.sort((a, b) => b.score - a.score)[0]?.emotion ?? "";
    write({ label: largest ? emotion : null, milliseconds: performance.now() - asked });
    waiting = waiting.subarray(bytes);
    size = null;
  }
}
