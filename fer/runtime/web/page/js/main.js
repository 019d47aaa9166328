// The page: what happens when.

import { press, setUpAids } from "./aids.js";
import { Announcer } from "./announcer.js";
import * as api from "./api.js";
import { Bars } from "./bars.js";
import { Camera } from "./camera.js";
import { choice, remember } from "./choices.js";
import { colourLabels } from "./colours.js";
import { DriftPanel } from "./drift.js";
import { Explanation } from "./explain.js";
import { Live, RETRY_MS, STALE_MS } from "./live.js";
import { Overlay } from "./overlay.js";
import { inOrder } from "./places.js";
import { Result } from "./result.js";
import { Status } from "./status.js";
import { Steady } from "./steady.js";
import { Timeline } from "./timeline.js";
import { NO_ANSWER, TROUBLE } from "./troubles.js";
import { listen, prepare } from "./upload.js";
import { Voice } from "./voice.js";
import { capital, inWords, summary } from "./words.js";

const part = (id) => document.getElementById(id);
const stage = part("stage");
const voice = new Voice({
  onBlocked: () => status.say(["The browser does not let this page speak yet.", "Press any key, or click anywhere: then it speaks."], { because: "speech" }),
  onUnblocked: () => status.unsay("speech"),
});
const announcer = new Announcer(part("announcer"), voice);
const status = new Status(part("message"), announcer);
const result = new Result(part, { bars: new Bars(part("bars"), part("threshold")), onChoose: choose });
const timeline = new Timeline(part("timeline"), part("timeline-words"));
const overlay = new Overlay(part("overlay"));
const explanation = new Explanation(part("explanation"));
// One page is one stream: the server follows its faces from picture to picture.
const stream = crypto.randomUUID?.() ?? String(Math.random()).slice(2);

let catalogue = null; // What /api/models said.
let model = null; // The chosen entry of it.
let steady = null; // Keeps the labels of live faces from flipping.
let chosen = null; // The number of the face that the verdict is about; null: the first.
let asked = null; // The picture that was chosen: {blob, size}.
let last = null; // The last predicted picture: {faces, blob, size, picture}.
let mirrored = true;
const driftPanel = new DriftPanel(part("drift"), () => model?.name ?? null);

const inCamera = () => stage.dataset.mode === "camera";

// --- what went wrong ------------------------------------------------------------------------------------------------

async function tell(error) {
  if (error instanceof api.Refused && error.status === 401) {
    const wrong = api.hasToken();
    part("token-form").hidden = false;
    part("token-problem").hidden = !wrong;
    part("token").setAttribute("aria-invalid", String(wrong));
    part("token").focus();
    part("token").select();
    status.say([wrong ? "That access token was wrong. Type it again, above." : "This server asks for its access token, above."], { because: "token" });
  } else if (error instanceof api.Refused) {
    if (error.status === 400 && (await modelsChanged())) return;
    status.say([sentence(error.message)], { because: "refused" });
  } else if (error instanceof api.Unreachable) status.say(error.late ? TROUBLE.silent[1].slice(0, 1) : NO_ANSWER, { because: "server" });
  else throw error;
}

const sentence = (text) => capital(text) + (/[.!?]$/.test(text) ? "" : ".");

/** The answer, with a word to those who wait where it takes long. */
async function waitFor(answer) {
  const timer = setTimeout(() => status.say(["fer-serve has not answered yet; waiting for it."], { because: "slow" }), STALE_MS);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    status.unsay("slow");
  }
}

/** Hides an element; the focus never gets lost with it. */
function hide(element, hidden = true) {
  const lost = hidden && element.contains(document.activeElement);
  element.hidden = hidden;
  if (lost) part("camera").focus({ preventScroll: true });
}

// --- what is shown --------------------------------------------------------------------------------------------------

const ok = (face) => face.status === "ok";
/** The faces as they are seen, from left to right. */
const ordered = () => inOrder(last.faces, { size: last.size, mirrored: inCamera() && mirrored });
/** The chosen one of them, else the largest, which the server names first. */
function chosenFace() {
  const largest = last?.faces[0]?.face;
  const faces = last === null ? [] : ordered();
  return faces.find((face) => face.face === chosen) ?? faces.find((face) => face.face === largest) ?? null;
}

function show() {
  const face = chosenFace();
  const faces = ordered();
  overlay.show(faces, { size: last.size, mirrored: inCamera() && mirrored, selected: face?.face ?? null, moving: inCamera() });
  result.show(faces, face, { live: inCamera() });
}

function choose(number) {
  chosen = number;
  if (last === null) return;
  show();
  const face = chosenFace();
  announcer.once(`Face ${face.number} of ${last.faces.length}, ${face.place}: ${inWords(face)}`);
}

/** No prediction stays on the screen. */
function clear(label, words) {
  last = null;
  overlay.clear();
  result.blank(label, words);
  part("rate").hidden = true;
}

// --- camera ---------------------------------------------------------------------------------------------------------

const video = part("video");
const camera = new Camera(video, {
  onLost(lines) {
    live.stop();
    setMode("empty");
    status.say(lines, { because: "camera" });
  },
  onBack: () => startCamera(),
});

const live = new Live(video, {
  parameters: () => ({ model: model.name, stream }),
  onPrediction({ response, blob, size, roundTrip }) {
    last = { faces: steady.faces(response.faces.filter(ok)), blob, size, picture: null };
    show();
    announcer.live(summary(ordered()));
    timeline.add(chosenFace(), model.labels);
    showRate(response.ms, roundTrip);
  },
  onTrouble(kind, error) {
    if (kind === "refused") {
      clear("No prediction", "The server refused the picture.");
      tell(error);
      return;
    }
    const [label, lines] = TROUBLE[kind];
    clear(label, "There is no current prediction.");
    status.say(lines, { because: "live" });
  },
  async onRecovered(kind) {
    status.unsay("live", "refused");
    if (kind === "refused") return;
    if ((kind === "lost" || kind === "silent") && (await modelsChanged())) return;
    status.say([kind === "camera" ? "The camera is back." : "fer-serve is back."], { kind: "good", because: "back" });
    setTimeout(() => status.unsay("back"), 3000);
  },
});

let rateAt = 0;
function showRate(serverMs, roundTrip) {
  const now = performance.now();
  const rate = part("rate");
  if (!rate.hidden && now - rateAt < 500) return;
  rateAt = now;
  rate.hidden = false;
  rate.dataset.perSecond = live.rate().toFixed(1);
  rate.textContent = `${Math.round(live.rate())} predictions a second · ${Math.round(roundTrip)} ms from picture to prediction, of it ${Math.round(serverMs)} ms in the model and face finder`;
}

function setMode(mode) {
  stage.dataset.mode = mode;
  stage.classList.toggle("mirrored", mirrored);
  part("camera").textContent = mode === "camera" ? "Stop camera" : "Start camera";
  hide(part("mirror"), mode !== "camera");
  hide(part("timeline-box"), mode !== "camera");
  hide(part("explanation"));
  chosen = null;
  announcer.reset();
  timeline.reset();
  clear("No face yet", "The prediction appears here.");
}

let starting = false;
async function startCamera() {
  if (starting) return;
  starting = true;
  try {
    if (model === null) await connect();
    if (model === null) return;
    status.unsay();
    await camera.start();
    if (camera.stream === null) return;
    setMode("camera");
    steady = new Steady(model.uncertain_below);
    live.start();
    announcer.notice("The camera is on.");
  } catch (error) {
    if (!("lines" in error)) throw error;
    status.say(error.lines, { because: "camera" });
  } finally {
    starting = false;
  }
}

function stopCamera() {
  live.stop();
  camera.stop();
  setMode("empty");
  status.unsay("live", "refused", "back");
  announcer.notice("The camera is off.");
}

// Never disabled while it starts: a disabled button loses the focus.
part("camera").addEventListener("click", () => (inCamera() ? stopCamera() : startCamera()));

function mirror(on) {
  mirrored = on;
  press(part("mirror"), on);
  remember("mirror", on ? null : "off");
  stage.classList.toggle("mirrored", on);
  if (last !== null) show();
}
part("mirror").addEventListener("click", () => mirror(!mirrored));
document.addEventListener("visibilitychange", () => {
  if (!inCamera()) return;
  if (document.hidden) {
    live.stop();
    clear("Paused", "While this page is hidden, nothing is read.");
    announcer.notice("Paused: this page is hidden.");
  } else {
    status.unsay("live");
    live.start();
    announcer.notice("Reading again.");
  }
});
(function glide() {
  if (inCamera() && overlay.faces.length > 0) overlay.draw();
  requestAnimationFrame(glide);
})();
addEventListener("resize", () => last !== null && show());

// --- pictures -------------------------------------------------------------------------------------------------------

async function usePictures(files) {
  const file = files[0];
  if (file === undefined) return;
  if (model === null) await connect();
  if (model === null) return;
  if (inCamera()) stopCamera();
  camera.stop();
  let prepared;
  try {
    prepared = await prepare(file, part("picture"), readable);
  } catch (error) {
    setMode("empty");
    clear("No prediction", "There is no picture to look at.");
    await tell(error);
    return;
  }
  setMode("picture");
  status.unsay();
  asked = prepared;
  await askAboutPicture();
  if (files.length > 1) status.say([`Of ${files.length} pictures, the first is shown: ${file.name}.`], { kind: "good", because: "first" });
}

/** The picture as one that the browser can show. */
function readable(file) {
  if (file.size > catalogue.limits.max_body) throw new api.Refused(413, `${file.name} is larger than this server takes: choose a smaller picture`, 0);
  return waitFor(api.preview(file));
}

async function askAboutPicture() {
  const { blob, size } = asked;
  clear("Reading", "The picture is with fer-serve.");
  try {
    const response = await waitFor(api.predict(blob, { model: model.name }));
    if (asked.blob !== blob || inCamera()) return;
    last = { faces: response.faces.filter(ok), blob, size, picture: part("picture") };
    show();
    announcer.once(summary(ordered()).words);
    driftPanel.refresh();
  } catch (error) {
    clear("No prediction", "There is none of this picture.");
    await tell(error);
  }
}

listen({ input: part("file"), dropHint: part("drop-hint"), onFiles: usePictures });

part("overlay").addEventListener("click", (event) => {
  const face = last === null ? null : overlay.at(event);
  if (face !== null) choose(face.face);
});

// --- explanation ----------------------------------------------------------------------------------------------------

let explaining = false;
part("explain").addEventListener("click", async () => {
  const face = chosenFace();
  if (face === null) status.say(["There is no face to explain."], { because: "explain" });
  if (face === null || explaining || part("explain").getAttribute("aria-disabled") === "true") return;
  const moment = last;
  explaining = true;
  try {
    status.unsay("explain");
    const picture = moment.picture === null ? await createImageBitmap(moment.blob) : moment.picture;
    // Faces of a stream keep their numbers; in a single picture they count from the largest. The box tells which.
    const middle = [face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2].map(Math.round).join();
    await waitFor(explanation.show({ blob: moment.blob, picture, at: middle, model: model.name, mirrored: inCamera() && mirrored }, model.labels, face.label));
    part("explanation-title").focus({ preventScroll: true });
    part("explanation").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  } catch (error) {
    await tell(error);
  } finally {
    explaining = false;
  }
});
part("heat-label").addEventListener("change", (event) => waitFor(explanation.relabel(event.target.value)).catch(tell));

// --- models, token, reading aids ------------------------------------------------------------------------------------

function useModel(name) {
  model = catalogue.models.find((each) => each.name === name);
  part("model").value = name;
  colourLabels(model.labels);
  result.bars.build(model.labels, model.uncertain_below > 1 ? 0 : model.uncertain_below);
  steady = new Steady(model.uncertain_below);
  for (const [id, words] of [["label-facts", "labels"], ["model-facts", "scores"], ["uncertain-facts", "certainty"]]) part(id).textContent = model.words[words];
  if (stage.dataset.mode === "picture") askAboutPicture();
  else if (inCamera()) timeline.reset();
  hide(part("explanation"));
  driftPanel.refresh();
}

/** Takes what the server offers: the model of the address if it is there, else the first. */
function adopt(offer) {
  catalogue = offer;
  const names = catalogue.models.map((each) => each.name);
  part("model").replaceChildren(...names.map((name) => new Option(name, name)));
  part("model").hidden = names.length < 2;
  part("model-name").textContent = names.length < 2 ? names[0] : "";
  part("model-line").hidden = false;
  const wished = choice("model");
  useModel(names.includes(wished) ? wished : names[0]);
}

/** Whether the server has other models than the page believed, which it then takes over. */
async function modelsChanged() {
  const offer = await api.models().catch(() => null);
  if (offer === null || model === null) return false;
  const same = offer.models.find((each) => each.name === model.name);
  if (same?.sha256 === model.sha256) return false;
  adopt(offer);
  status.say([`fer-serve has another model now: ${model.name}.`, "The page goes on with it."], { kind: "good", because: "model" });
  return true;
}

let connecting = null;
async function connect() {
  clearTimeout(connecting);
  let offer;
  try {
    offer = await waitFor(api.models());
  } catch (error) {
    if (!(error instanceof api.Unreachable && part("message").dataset.because === "server" && !part("message").hidden)) await tell(error);
    if (error instanceof api.Unreachable) connecting = setTimeout(connect, RETRY_MS);
    return;
  }
  hide(part("token-form"));
  status.unsay("token", "server");
  adopt(offer);
}

part("model").addEventListener("change", (event) => {
  remember("model", event.target.value);
  useModel(event.target.value);
});
part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.useToken(part("token").value.trim());
  connect();
});

setUpAids(part, { announcer, voice, status, onResize: () => last !== null && show() });
if (choice("mirror") === "off") mirror(false);
if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
  document.querySelector(".privacy strong").textContent = `Pictures go to ${location.hostname} and nowhere else.`;
  part("where").textContent = " there";
}
// On small screens the numbers come when they are asked for.
if (!matchMedia("(min-width: 62rem)").matches) part("details").open = false;
connect();
