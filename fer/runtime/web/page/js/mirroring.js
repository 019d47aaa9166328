// Showing an expression to the camera: what to move, and what the model reads meanwhile.

import { announcer, hero, part, tones } from "./app.js";
import { pick as keep } from "./choices.js";
import { drawFace } from "./drawing.js";
import { named, percent, t } from "./i18n.js";
import { described, EXPRESSIONS, PROTOTYPES } from "./units.js";

/** An expression counts as shown once the model has read it as the likeliest, so surely, for so long. */
const SURE = 0.5;
const HELD_MS = 1000;

export class Mirroring {
  /** `onShown(label)`: the model read it. */
  constructor({ onShown }) {
    Object.assign(this, { onShown, since: null, done: false, begun: false, unknown: null });
    const list = part("mirroring-label");
    list.replaceChildren(...EXPRESSIONS.filter((label) => label !== "neutral").map((label) => new Option(named(label), label)));
    list.querySelector("option[value=happy]").setAttribute("selected", "");
    keep(list, "expression", () => this.begun && this.begin());
  }

  get label() {
    return part("mirroring-label").value;
  }

  begin() {
    Object.assign(this, { since: null, done: false, begun: true, unknown: null });
    part("mirroring-figure").replaceChildren(drawFace({ units: PROTOTYPES[this.label], strength: 0.9, seed: 7 }));
    part("mirroring-units").replaceChildren(...described(this.label).map(([, textContent]) => Object.assign(document.createElement("li"), { textContent })));
    part("mirroring-words").textContent = t("mirroring.wait");
    announcer.once(t("mirroring.show", { label: named(this.label), what: described(this.label).map(([, words]) => words).join(" ") }));
  }

  /** The face in front of the camera, or null. */
  see(face, now = performance.now()) {
    const label = named(this.label);
    if (face === null) {
      this.since = null;
      part("mirroring-words").textContent = t("mirroring.nobody");
      return;
    }
    // A model of other labels would never read it, however well it is shown.
    if (!Object.hasOwn(face.probabilities, this.label)) {
      this.#unknown(t("mirroring.unknown", { label }));
      return;
    }
    const share = face.probabilities[this.label];
    const best = Object.entries(face.probabilities).reduce((one, two) => (two[1] > one[1] ? two : one))[0];
    const words = best === this.label ? t("mirroring.reads", { label, share: percent(share) }) : t("mirroring.other", { label, share: percent(share), best: named(best) });
    part("mirroring-words").textContent = words;
    hero.caption(t("mirroring.task", { label }), words);
    const shown = best === this.label && share >= SURE;
    if (!shown) this.since = null;
    else this.since ??= now;
    if (!shown || this.done || now - this.since < HELD_MS) return;
    this.done = true;
    tones.earcon("done");
    announcer.notice(t("mirroring.done", { label }));
    this.onShown(this.label);
  }

  #unknown(words) {
    hero.caption(t("mirroring.task", { label: named(this.label) }), words);
    part("mirroring-words").textContent = words;
    // Once; another model may know it.
    if (this.unknown !== words) announcer.notice(words);
    Object.assign(this, { since: null, unknown: words });
  }
}
