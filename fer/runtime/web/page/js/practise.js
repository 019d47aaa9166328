// Practise: guess what a face shows, then see and hear why; or show an expression oneself.

import * as api from "./api.js";
import { announcer, app, clear, hero, ok, part, press, pressed, put, stage, tones } from "./app.js";
import { choice, pick as keep, remember } from "./choices.js";
import { drawFace, ring } from "./drawing.js";
import { Fading, UNHELPED } from "./fading.js";
import { handed, handOver } from "./handover.js";
import { named, percent, t } from "./i18n.js";
import { Mirroring } from "./mirroring.js";
import { OwnPhotos } from "./own.js";
import { persistently, tell, waitFor } from "./problems.js";
import { Progress } from "./progress.js";
import { apart, described, EXPRESSIONS, PROTOTYPES } from "./units.js";
import { prepare } from "./upload.js";
import { capital, inWords } from "./words.js";

const SEEDS = 1000;
const pick = (list) => list[Math.floor(Math.random() * list.length)];
/** So many of a list, each as likely as any other. */
export function some(list, count) {
  const rest = [...list];
  return Array.from({ length: Math.min(count, list.length) }, () => rest.splice(Math.floor(Math.random() * rest.length), 1)[0]);
}
/** Where an expression is seen, and what there is to see, without its name. */
const regions = (label) => described(label).map(([region]) => region).filter((region) => region !== null);
const inLines = (label) => described(label).map(([, words]) => words).join(" ");

export class Practise {
  constructor({ reader, models }) {
    Object.assign(this, { reader, models, active: false, face: null });
    this.progress = new Progress();
    this.fading = new Fading(handed("fading"));
    handOver("fading", () => this.fading.place);
    // Whoever names photos one after another is not asked about another face each time.
    this.own = new OwnPhotos((file) => {
      const { strength, file: asked } = this.face ?? {};
      if (strength !== null || asked === file) this.#next({ focus: false });
    });
    this.mirroring = new Mirroring({ onShown: (label) => this.progress.add({ kind: "mirror", shown: label }) });
    part("kind-guess").addEventListener("click", () => this.#kind("guess"));
    part("kind-mirror").addEventListener("click", () => this.#kind("mirror"));
    part("guess-next").addEventListener("click", () => this.#next());
    part("guess-describe").addEventListener("click", () => this.#describe());
    const noted = [keep(part("strength"), "strength", () => this.#set()), keep(part("guess-many"), "choices", () => this.#set())];
    // What the help had come to is what is set from now on.
    this.note = () => noted.forEach((note) => note());
    keep(part("guess-help"), "help", (help) => {
      if (help === "set") this.note();
      else if (this.active) this.fading.begin();
      this.#next({ focus: false });
    });
    if (choice("exercise") === "show") this.#press("mirror");
    part("strength").addEventListener("input", () => this.#strength());
    // Set in any case: Firefox fills in what it was before a reload.
    part("guess-from").value = handed("from") ?? "drawn";
    handOver("from", () => part("guess-from").value);
    this.#from();
    part("guess-from").addEventListener("change", () => {
      this.#from();
      this.#next({ focus: false });
    });
    this.#strength();
  }

  /** The way of practising was taken or left. */
  enter(active) {
    this.active = active;
    if (active) this.#kind(pressed(part("kind-mirror")) ? "mirror" : "guess");
  }

  /** Photos that were dropped or pasted: one's own to practise with. */
  use(files) {
    if (files.length === 0) return;
    if (!pressed(part("kind-guess"))) this.#kind("guess");
    part("guess-from").value = "own";
    this.#from();
    this.own.add(files);
  }

  /** The face in front of the camera, or null. */
  see(face) {
    if (pressed(part("kind-mirror"))) this.mirroring.see(face);
  }

  /** A single key: the number of an answer, or "n" for the next face. */
  key(key) {
    if (!this.active || !pressed(part("kind-guess"))) return false;
    if (key === "n") this.#next();
    else part("guess-choices").children[key - 1]?.click();
    return true;
  }

  // How much help there is: what somebody has set, or what the answers so far call for.
  get #help() {
    return part("guess-help").value === "fading" ? this.fading.step : UNHELPED;
  }

  // Who sets the strength or the choices has taken it in hand.
  #set() {
    this.#strength();
    if (!this.active) return;
    part("guess-help").value = "set";
    remember("help", null);
    this.note();
    this.#next({ focus: false });
  }

  #from() {
    part("own").hidden = !this.#fromOwn;
  }

  get #fromOwn() {
    return part("guess-from").value === "own";
  }

  #press(kind) {
    press(part("kind-guess"), kind === "guess");
    press(part("kind-mirror"), kind === "mirror");
    remember("exercise", kind === "mirror" ? "show" : null);
  }

  #kind(kind) {
    this.#press(kind);
    part("guess").hidden = kind !== "guess";
    part("mirroring").hidden = kind !== "mirror";
    document.documentElement.dataset.practise = kind;
    if (kind === "guess") this.#next({ focus: false });
    else {
      if (!this.reader.running) this.reader.setMode("empty");
      this.mirroring.begin();
    }
  }

  #strength() {
    part("strength-words").textContent = percent(part("strength").value / 100);
  }

  // Another face: drawn, or one of one's own.
  #next({ focus = true } = {}) {
    if (!this.active || !pressed(part("kind-guess"))) return;
    const help = this.#help;
    if (help !== UNHELPED) {
      part("guess-many").value = String(help.choices);
      part("strength").value = String(100 * help.strength);
      this.#strength();
    }
    const own = this.#fromOwn ? this.own.usable : [];
    const photo = own.length === 0 ? null : pick(own);
    this.face = photo === null ? this.#draw() : { ...photo, strength: null };
    this.answered = false;
    part("guess-why").hidden = true;
    part("guess-model").hidden = true;
    part("guess-hint").hidden = true;
    if (this.#fromOwn && photo === null) {
      this.face = null;
      this.reader.setMode("empty");
      part("guess-choices").replaceChildren();
      part("guess-question").textContent = t("own.none");
      announcer.once(t("own.none"));
      return;
    }
    part("guess-question").textContent = t("practise.question");
    this.#choices();
    if (photo === null) this.#show(help);
    else this.#showPhoto(photo);
    const asked = t("practise.asked", { each: [...part("guess-choices").children].map((button) => button.textContent).join(t("list.comma")) });
    announcer.once(part("guess-hint").hidden ? asked : `${asked} ${part("guess-hint").textContent}`);
    if (focus) part("guess-choices").firstElementChild.focus({ preventScroll: true });
  }

  #draw() {
    const before = this.face?.label;
    return { label: pick(EXPRESSIONS.filter((label) => label !== before)), seed: Math.floor(Math.random() * SEEDS), strength: part("strength").value / 100 };
  }

  #show(help) {
    const { label, seed, strength } = this.face;
    this.reader.setMode("drawn");
    part("drawn").replaceChildren(drawFace({ units: PROTOTYPES[label], strength, seed }));
    if (help.ringed) ring(part("drawn").firstElementChild, regions(label));
    if (help.described) part("guess-hint").textContent = inLines(label);
    part("guess-hint").hidden = !help.described;
    hero.blank("practise", t("practise.question"), t("practise.drawn-words"));
  }

  async #showPhoto({ file }) {
    this.reader.setMode("picture");
    clear("practise", t("practise.question"), t("practise.photo-words"));
    const { face } = this;
    try {
      const prepared = await prepare(file, (each) => this.#while(face, () => waitFor(api.preview(each))));
      if (face !== this.face) return;
      put(prepared.canvas);
      face.prepared = prepared;
    } catch (error) {
      const lines = await this.#failed(face, error);
      if (lines !== null && error instanceof api.Refused && error.status !== 401) this.#unseen(file, lines.join(" "));
    }
  }

  // What nobody can see is no exercise.
  #unseen(file, words) {
    this.own.refuse(file, words);
    this.face = null;
    const held = part("guess-choices").contains(document.activeElement);
    part("guess-choices").replaceChildren();
    part("guess-question").textContent = words;
    hero.blank("practise", t("state.camera"), t("verdict.no-picture"));
    if (held) part("guess-next").focus({ preventScroll: true });
  }

  // The choices stand in the same order each time: only the face is to be looked for.
  #choices() {
    const others = EXPRESSIONS.filter((label) => label !== this.face.label);
    const chosen = [this.face.label, ...some(others, Number(part("guess-many").value) - 1)];
    part("guess-choices").replaceChildren(
      ...EXPRESSIONS.filter((label) => chosen.includes(label)).map((label, index) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: named(label) });
        button.dataset.series = label;
        button.setAttribute("aria-keyshortcuts", String(index + 1));
        button.addEventListener("click", () => this.#answer(label, button));
        return button;
      }),
    );
  }

  #answer(label, button) {
    if (this.answered) return;
    this.answered = true;
    const { face } = this;
    const same = label === face.label;
    for (const each of part("guess-choices").children) each.setAttribute("aria-disabled", "true");
    button.setAttribute("aria-pressed", "true");
    const shown = named(face.label);
    const verdict = face.strength === null ? t(same ? "practise.same.photo" : "practise.other.photo", { shown, said: named(label) }) : t(same ? "practise.same" : "practise.other", { shown, said: named(label) });
    part("guess-verdict").textContent = verdict;
    const lines = described(face.label);
    part("guess-units").replaceChildren(...lines.map(([region, words]) => this.#unit(region, words)));
    part("guess-difference").textContent = same ? "" : this.#difference(face.label, label);
    part("guess-why").hidden = false;
    if (stage.dataset.mode === "drawn") ring(part("drawn").firstElementChild, regions(face.label));
    part("guess-hint").hidden = true;
    hero.caption(capital(shown), verdict);
    tones.earcon(same ? "done" : "found");
    // The focus comes first: it would cut off what is told before it.
    part("guess-verdict").focus({ preventScroll: true });
    const why = [...lines.map(([, words]) => words), part("guess-difference").textContent].filter((each) => each !== "").join(" ");
    announcer.once(`${verdict} ${why}`, { read: why });
    const { ringed, described: told } = this.#help;
    this.progress.add({ kind: "guess", from: face.strength === null ? "photo" : "drawn", shown: face.label, named: label, strength: face.strength, choices: part("guess-choices").children.length, help: told ? "described" : ringed ? "ringed" : "none" });
    this.fading.answered(same);
    if (face.prepared !== undefined) this.#askModel(face);
  }

  #unit(region, words) {
    const row = document.createElement("li");
    if (region === null || stage.dataset.mode !== "drawn") row.textContent = words;
    else {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: words });
      button.addEventListener("click", () => {
        ring(part("drawn").firstElementChild, [region]);
        announcer.once(words);
      });
      row.append(button);
    }
    return row;
  }

  #difference(shown, said) {
    const values = { shown: named(shown), said: named(said), mine: apart(shown, said), theirs: apart(said, shown) };
    const kind = values.mine === "" ? "theirs" : values.theirs === "" ? "mine" : "both";
    return t(`practise.apart.${kind}`, values);
  }

  // What moves, without saying what that shows: for those who do not see it.
  #describe() {
    if (this.face === null) return;
    if (this.face.strength === null) announcer.once(t("practise.no-description"));
    else announcer.once(inLines(this.face.label));
  }

  async #askModel(face) {
    try {
      const response = await this.#while(face, () => waitFor(api.predict(face.prepared.blob, { model: app.model.name })));
      if (face !== this.face) return;
      part("guess-model").textContent = t("practise.model", { what: inWords(response.faces.find(ok)) });
      part("guess-model").hidden = false;
    } catch (error) {
      await this.#failed(face, error);
    }
  }

  // Asks until the server is there, as long as the exercise is about this face.
  #while(face, ask) {
    return persistently(ask, { stands: () => this.active && face === this.face, onBack: () => hero.state("practise") });
  }

  // Nobody waits any more for what was asked about the exercise before. Gives the words, or null.
  async #failed(face, error) {
    const stands = () => face === this.face;
    const lines = stands() ? await tell(error, { modelsChanged: () => this.models.changed(), stands }) : null;
    return stands() ? lines : null;
  }
}
