// The page: what happens when.

import { Announcer } from "./announcer.js";
import * as api from "./api.js";
import { Bars } from "./bars.js";
import { Camera } from "./camera.js";
import { DriftPanel } from "./drift.js";
import { Explanation } from "./explain.js";
import { Live } from "./live.js";
import { Overlay } from "./overlay.js";
import { Timeline } from "./timeline.js";
import { listen, prepare } from "./upload.js";
import { inWords, percent } from "./words.js";

const part = (id) => document.getElementById(id);
const stage = part("stage");
const bars = new Bars(part("bars"), part("threshold"));
const announcer = new Announcer(part("announcer"));
const timeline = new Timeline(part("timeline"), part("timeline-words"));
const overlay = new Overlay(part("overlay"));
const explanation = new Explanation(part("explanation"));
// One page is one stream: the server follows its faces from picture to picture.
const stream = crypto.randomUUID?.() ?? String(Math.random()).slice(2);

let catalogue = null; // What /api/models said.
let model = null; // The chosen entry of it.
let chosen = null; // The number of the face shown at the side; null: the first.
let last = null; // The last predicted picture: {response, blob, size, picture}.
let mirrored = true;
const driftPanel = new DriftPanel(part("drift"), () => model?.name ?? null);

// --- messages -------------------------------------------------------------------------------------------------------

function say(lines, kind = "problem", because = "") {
  const box = part("message");
  box.dataset.kind = kind;
  box.dataset.because = because;
  box.replaceChildren(...lines.map((textContent) => Object.assign(document.createElement("p"), { textContent })));
  box.hidden = false;
}

function unsay(because = null) {
  const box = part("message");
  if (because === null || box.dataset.because === because) box.hidden = true;
}

function tell(error) {
  if (error instanceof api.Refused && error.status === 401) {
    part("token-form").hidden = false;
    part("token").focus();
    say(["This server asks for its access token, above."], "problem", "token");
  } else if (error instanceof api.Refused) say([capital(error.message)], "problem", "refused");
  else if (error instanceof api.Unreachable) say(["fer-serve does not answer.", "Is it still running? Start it again, then try once more."], "problem", "server");
  else throw error;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

// --- what is shown --------------------------------------------------------------------------------------------------

function faceAtTheSide(faces) {
  return faces.find((face) => face.face === chosen && face.status === "ok") ?? faces.find((face) => face.status === "ok") ?? null;
}

function show(response, size) {
  const live = stage.dataset.mode === "camera";
  const face = faceAtTheSide(response.faces);
  overlay.show(response.faces, { size, mirrored: live && mirrored, selected: face?.face ?? null, moving: live });
  bars.show(face);
  const verdict = part("verdict");
  verdict.dataset.state = face === null ? "none" : face.uncertain ? "uncertain" : "sure";
  if (face === null || face.uncertain) delete verdict.dataset.series;
  else verdict.dataset.series = face.label;
  const label = face === null ? "No face" : face.uncertain ? "Uncertain" : face.label;
  if (part("verdict-label").textContent !== label) part("verdict-label").textContent = label;
  part("verdict-words").textContent =
    face === null
      ? live ? "Look at the camera, upright and in good light." : "No upright face was found in this picture."
      : face.uncertain
        ? `Best guess ${face.label} with ${percent(face.confidence)}: too weak to rely on.`
        : `The model is ${percent(face.confidence)} sure that this face looks like that.`;
  showFaces(response.faces, face);
  part("explain").disabled = face === null;
  return face;
}

function showFaces(faces, selected) {
  const seen = faces.filter((face) => face.status === "ok");
  const group = part("faces");
  group.hidden = seen.length < 2;
  const keys = seen.map((face) => face.face).join();
  if (group.dataset.keys !== keys) {
    group.dataset.keys = keys;
    const buttons = seen.map((face, index) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "toggle", textContent: `Face ${index + 1}` });
      button.dataset.face = face.face;
      button.addEventListener("click", () => {
        chosen = face.face;
        if (last !== null) show(last.response, last.size);
      });
      return button;
    });
    group.replaceChildren(...buttons);
  }
  for (const button of group.children) button.setAttribute("aria-pressed", String(Number(button.dataset.face) === selected?.face));
}

function nothingYet() {
  last = null;
  chosen = null;
  overlay.clear();
  bars.show(null);
  announcer.reset();
  timeline.reset();
  delete part("verdict").dataset.series;
  part("verdict").dataset.state = "none";
  part("verdict-label").textContent = "No face yet";
  part("verdict-words").textContent = "The prediction appears here.";
  part("faces").hidden = true;
  part("explain").disabled = true;
  part("rate").hidden = true;
}

// --- camera ---------------------------------------------------------------------------------------------------------

const video = part("video");
const camera = new Camera(video, {
  onLost(lines) {
    live.stop();
    setMode("empty");
    say(lines, "problem", "camera");
  },
  onBack: () => startCamera(),
});

const live = new Live(video, {
  parameters: () => ({ model: model.name, stream }),
  onPrediction({ response, blob, size, roundTrip }) {
    unsay("refused");
    last = { response, blob, size, picture: null };
    const face = show(response, size);
    announcer.live(face);
    timeline.add(face, model.labels);
    showRate(response.ms, roundTrip);
  },
  onServerGone() {
    say(["fer-serve does not answer; trying again every 2 seconds.", "Is it still running? The page goes on by itself when it is back."], "problem", "server");
    overlay.clear();
  },
  onServerBack() {
    say(["fer-serve is back."], "good", "back");
    setTimeout(() => unsay("back"), 3000);
  },
  onRefused: tell,
});

let rateAt = 0;
function showRate(serverMs, roundTrip) {
  const now = performance.now();
  if (now - rateAt < 500) return;
  rateAt = now;
  const rate = part("rate");
  rate.hidden = false;
  rate.dataset.perSecond = live.rate().toFixed(1);
  rate.textContent = `${Math.round(live.rate())} predictions a second · ${Math.round(roundTrip)} ms from picture to prediction, of it ${Math.round(serverMs)} ms in the model and face finder`;
}

function setMode(mode) {
  stage.dataset.mode = mode;
  stage.classList.toggle("mirrored", mirrored);
  part("camera").textContent = mode === "camera" ? "Stop camera" : "Start camera";
  part("mirror").hidden = mode !== "camera";
  part("timeline-box").hidden = mode !== "camera";
  part("explanation").hidden = true;
  nothingYet();
}

async function startCamera() {
  if (model === null) {
    await connect();
    if (model === null) return;
  }
  part("camera").disabled = true;
  try {
    unsay();
    await camera.start();
    if (camera.stream === null) return;
    setMode("camera");
    live.start();
  } catch (error) {
    if (!("lines" in error)) throw error;
    say(error.lines, "problem", "camera");
  } finally {
    part("camera").disabled = false;
  }
}

function stopCamera() {
  live.stop();
  camera.stop();
  setMode("empty");
}

part("camera").addEventListener("click", () => (stage.dataset.mode === "camera" ? stopCamera() : startCamera()));
part("mirror").addEventListener("click", () => {
  mirrored = !mirrored;
  part("mirror").setAttribute("aria-pressed", String(mirrored));
  stage.classList.toggle("mirrored", mirrored);
  if (last !== null) show(last.response, last.size);
});
document.addEventListener("visibilitychange", () => {
  if (stage.dataset.mode !== "camera") return;
  if (document.hidden) live.stop();
  else live.start();
});
(function glide() {
  if (stage.dataset.mode === "camera" && overlay.faces.length > 0) overlay.draw();
  requestAnimationFrame(glide);
})();
addEventListener("resize", () => last !== null && show(last.response, last.size));

// --- pictures -------------------------------------------------------------------------------------------------------

async function usePictures(files) {
  const file = files[0];
  if (file === undefined) return;
  if (model === null) await connect();
  if (model === null) return;
  if (stage.dataset.mode === "camera") stopCamera();
  camera.stop();
  const picture = part("picture");
  const { blob, size } = await prepare(file, picture);
  if (blob.size > catalogue.limits.max_body) {
    setMode("empty");
    say([`${file.name} is larger than this server takes.`, "Choose a smaller picture."], "problem", "refused");
    return;
  }
  setMode(size === null ? "empty" : "picture");
  unsay();
  await askAboutPicture(blob, size);
  if (files.length > 1) say([`Of ${files.length} pictures, the first is shown: ${file.name}.`], "good", "first");
}

async function askAboutPicture(blob, size) {
  try {
    const response = await api.predict(blob, { model: model.name });
    last = { response, blob, size: size ?? [response.image.width, response.image.height], picture: part("picture") };
    const face = show(response, last.size);
    const more = response.faces.filter((each) => each.status === "ok").length;
    announcer.once(more > 1 ? `${more} faces. The largest: ${inWords(face)}` : inWords(face));
    // The server could read what the browser could not: there is a prediction, but nothing to draw it on.
    if (size === null) part("explain").disabled = true;
    driftPanel.refresh();
  } catch (error) {
    tell(error);
  }
}

listen({ input: part("file"), dropHint: part("drop-hint"), onFiles: usePictures });

part("overlay").addEventListener("click", (event) => {
  if (last === null) return;
  const { width, height } = overlay.canvas;
  const scale = Math.min(width / last.size[0], height / last.size[1]);
  const shownX = (event.offsetX * devicePixelRatio - (width - last.size[0] * scale) / 2) / scale;
  const x = overlay.mirrored ? last.size[0] - shownX : shownX;
  const y = (event.offsetY * devicePixelRatio - (height - last.size[1] * scale) / 2) / scale;
  const hit = last.response.faces.find(({ status, box: [left, top, wide, high] }) => status === "ok" && x >= left && x <= left + wide && y >= top && y <= top + high);
  if (hit === undefined) return;
  chosen = hit.face;
  show(last.response, last.size);
});

// --- explanation ----------------------------------------------------------------------------------------------------

part("explain").addEventListener("click", async () => {
  const face = last === null ? null : faceAtTheSide(last.response.faces);
  if (face === null) return;
  const moment = last;
  const button = part("explain");
  button.disabled = true;
  try {
    const picture = moment.picture === null ? await createImageBitmap(moment.blob) : moment.picture;
    // Faces of a stream keep their numbers; in a single picture they count from the largest. The box tells which.
    const middle = [face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2].map(Math.round).join();
    await explanation.show({ blob: moment.blob, picture, at: middle, model: model.name, mirrored: stage.dataset.mode === "camera" && mirrored }, model.labels, face.label);
    part("explanation-title").focus({ preventScroll: true });
    part("explanation").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  } catch (error) {
    tell(error);
  } finally {
    button.disabled = last === null;
  }
});
part("heat-label").addEventListener("change", (event) => explanation.relabel(event.target.value).catch(tell));

// --- models, token, reading aids ------------------------------------------------------------------------------------

function useModel(name) {
  model = catalogue.models.find((each) => each.name === name);
  bars.build(model.labels, model.uncertain_below > 1 ? 0 : model.uncertain_below);
  const accuracy = model.metrics.accuracy;
  part("model-facts").textContent =
    accuracy === undefined
      ? ""
      : `On ${accuracy.n.toLocaleString("en")} photos it had not learned from (FER-2013's ${model.split}) this model gave the same label as the annotators for ${percent(accuracy.value)} of the faces; people agree with those labels about 65% of the time. The same photos chose its best epoch, so expect a little less.`;
  part("uncertain-facts").textContent =
    model.answered_accuracy === null
      ? "With this model, every prediction is uncertain."
      : `On those photos, ${percent(model.coverage)} of the predictions were above the line, and ${percent(model.answered_accuracy)} of these were right.`;
  if (last !== null && stage.dataset.mode === "picture") askAboutPicture(last.blob, last.size);
  else if (stage.dataset.mode === "camera") timeline.reset();
  part("explanation").hidden = true;
  driftPanel.refresh();
}

let connecting = null;
async function connect() {
  try {
    catalogue = await api.models();
  } catch (error) {
    tell(error);
    clearTimeout(connecting);
    if (error instanceof api.Unreachable) connecting = setTimeout(connect, 2000);
    return;
  }
  part("token-form").hidden = true;
  unsay("token");
  unsay("server");
  const names = catalogue.models.map((each) => each.name);
  part("model").replaceChildren(...names.map((name) => new Option(name, name)));
  part("model").hidden = names.length < 2;
  part("model-name").textContent = names.length < 2 ? names[0] : "";
  part("model-line").hidden = false;
  useModel(names[0]);
}

part("model").addEventListener("change", (event) => useModel(event.target.value));
part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.useToken(part("token").value.trim());
  connect();
});

function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

function largeText(on) {
  press(part("large-text"), on);
  document.documentElement.classList.toggle("large", on);
  if (last !== null) show(last.response, last.size);
}

function speak(on) {
  announcer.speak(on);
  press(part("speak"), announcer.speaking);
  if (on && !announcer.canSpeak) say(["This browser cannot speak."], "problem", "speech");
}

part("large-text").addEventListener("click", () => largeText(part("large-text").getAttribute("aria-pressed") !== "true"));
part("speak").addEventListener("click", () => speak(part("speak").getAttribute("aria-pressed") !== "true"));
const wishes = new URLSearchParams(location.search);
if (wishes.get("text") === "large") largeText(true);
if (wishes.get("speak") === "on") speak(true);
if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
  document.querySelector(".privacy strong").textContent = `Pictures go to ${location.hostname} and nowhere else.`;
  part("where").textContent = " there";
}
connect();
