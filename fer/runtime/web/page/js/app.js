// What all parts of the page share: its elements, what it knows at the moment, and who shows and tells it.

import { Announcer } from "./announcer.js";
import { Bars } from "./bars.js";
import { unseenHalf } from "./facts.js";
import { Hero } from "./hero.js";
import { t } from "./i18n.js";
import { Overlay } from "./overlay.js";
import { inOrder } from "./places.js";
import { Status } from "./status.js";
import { Timeline } from "./timeline.js";
import { Tones } from "./tones.js";
import { Voice } from "./voice.js";
import { inWords, summary } from "./words.js";

export const part = (id) => document.getElementById(id);
export const stage = part("stage");

export const app = {
  way: "read", // Of the three ways in.
  catalogue: null, // What /api/models said.
  model: null, // The chosen entry of it.
  second: null, // The entry that it is compared with.
  hidden: null, // The half of the face that is hidden from the model.
  steady: null, // Keeps the labels of live faces from flipping.
  chosen: null, // The number of the face that the verdict is about; null: the first.
  last: null, // The last predicted picture: {faces, blob, size, picture}.
  scene: null, // Another object each time that the stage is about something else: for whom has waited for an answer.
  mirrored: true,
  towards: "user", // Where the camera looks: at the one who holds it, or away ("environment").
  sure: true, // Whether words come with how sure the model is.
};

export const tones = new Tones();
export const voice = new Voice({
  onBlocked: () => status.say([t("voice.blocked"), t("voice.unblock")], { because: "speech", lasting: true }),
  onUnblocked: () => status.unsay("speech"),
});
export const announcer = new Announcer(part("announcer"), voice, { onTell: (kind) => kind === "label" && inCamera() && tones.earcon("change") });
export const status = new Status(part("message"), announcer, { onProblem: () => tones.earcon("problem") });
export const bars = new Bars(part("bars"), part("threshold"));
export const hero = new Hero(part, { bars, onChoose: choose });
export const timeline = new Timeline(part("timeline"), part("timeline-words"));
export const overlay = new Overlay(part("overlay"));

export const inCamera = () => stage.dataset.mode === "camera";
const ofCamera = () => inCamera() || stage.dataset.mode === "frozen";
/** Whether the picture is shown as in a mirror. */
export const seenMirrored = () => ofCamera() && app.mirrored;

/** The half of a face that is hidden from a model: the one it has never seen, else what was chosen. */
export const hiddenFrom = (model) => unseenHalf(model.name) ?? app.hidden;

export const ok = (face) => face.status === "ok";

/** The faces as they are seen, from left to right; people of a moving picture keep their numbers. */
export function ordered() {
  const faces = inOrder(app.last.faces, { size: app.last.size, mirrored: seenMirrored() });
  return faces.map((face) => (face.person === undefined ? face : { ...face, number: face.person }));
}

/** The chosen one of them, else the largest, which the server names first. */
export function chosenFace() {
  const largest = app.last?.faces[0]?.face;
  const faces = app.last === null ? [] : ordered();
  return faces.find((face) => face.face === app.chosen) ?? faces.find((face) => face.face === largest) ?? null;
}

/** What stands on the screen, in words: of the chosen face where one was chosen, else of everybody. */
export const told = () => summary(ordered(), { sure: app.sure });

export function show() {
  const face = chosenFace();
  const faces = ordered();
  overlay.show(faces, { size: app.last.size, mirrored: seenMirrored(), selected: face?.face ?? null, moving: inCamera(), hidden: hiddenFrom(app.model) });
  hero.show(faces, face, { live: inCamera(), everybody: faces.length > 1 ? summary(faces).words : "" });
}

export function choose(number) {
  app.chosen = number;
  if (app.last === null) return;
  show();
  const face = chosenFace();
  announcer.once(t("people.chosen", { number: face.number, count: app.last.faces.length, place: face.place, what: inWords(face, { sure: app.sure }) }));
}

/** Puts a picture on the stage. */
export function put(drawn) {
  const picture = part("picture");
  [picture.width, picture.height] = [drawn.width, drawn.height];
  picture.getContext("2d").drawImage(drawn, 0, 0);
}

/** No prediction stays on the screen. */
export function clear(state, label, words) {
  app.last = null;
  overlay.clear();
  hero.blank(state, label, words);
  part("rate").hidden = true;
  part("people").hidden = true;
  part("compare-rows").replaceChildren();
  part("compare-words").textContent = "";
}

/** Where those begin who come by keyboard: the camera's button, or that of the exercise which needs no camera. */
export const focusFirst = (options) => part(part("camera").checkVisibility() ? "camera" : "guess-next").focus(options);

/** Hides an element; the focus never gets lost with it. */
export function hide(element, hidden = true) {
  const lost = hidden && element.contains(document.activeElement);
  element.hidden = hidden;
  if (lost) focusFirst({ preventScroll: true });
}

export function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}
export const pressed = (button) => button.getAttribute("aria-pressed") === "true";
