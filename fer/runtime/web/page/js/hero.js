// The caption on the picture: what state the page is in, the verdict on the chosen face, and the buttons to choose another.

import { named, percent, t } from "./i18n.js";
import { colourOf } from "./people.js";
import { gist } from "./words.js";

export class Hero {
  /** `part(id)` finds the page's elements; `onChoose(face)` is called with the face whose button was pressed. */
  constructor(part, { bars, onChoose }) {
    Object.assign(this, { part, bars, onChoose });
  }

  /** `name`: live, paused, frozen, picture, off, lost, ...; it stands where the verdict stands. */
  state(name) {
    this.part("state").dataset.state = name;
    this.#put("state", t(`state.${name}`));
  }

  /** `faces`: all that were found; `face`: the chosen one, or null where there are none; `everybody`: all in words. */
  show(faces, face, { live, everybody }) {
    if (face === null) {
      this.blank(null, t("verdict.none"), t(live ? "verdict.none.live" : "verdict.none.picture"));
      return;
    }
    const values = { label: named(face.label), share: percent(face.confidence) };
    const who = faces.length > 1 ? [t("verdict.who", { number: face.number, place: face.place })] : [];
    const said = [...who, t(face.uncertain ? "verdict.weak" : "verdict.words", values), everybody === "" ? "" : t("sentence", { each: everybody })];
    this.#verdict(face.uncertain ? "uncertain" : "sure", face.uncertain ? t("verdict.uncertain") : named(face.label), said.filter((each) => each !== "").join(" "), face.label);
    this.bars.show(face);
    this.#buttons(faces, face);
    this.part("explain").setAttribute("aria-disabled", "false");
  }

  /** Nothing that could be taken for a prediction; `state`: null where it stays. */
  blank(state, label, words) {
    if (state !== null) this.state(state);
    this.#verdict("none", label, words);
    this.bars.show(null);
    this.part("explain").setAttribute("aria-disabled", "true");
    this.#buttons([], null);
  }

  /** Other words in the caption, as those of an exercise. */
  caption(label, words) {
    this.#verdict("none", label, words);
  }

  #verdict(state, label, words, series) {
    const verdict = this.part("verdict");
    verdict.dataset.state = state;
    if (state === "sure") verdict.dataset.series = series;
    else delete verdict.dataset.series;
    this.#put("verdict-label", label);
    this.#put("verdict-words", words);
  }

  #put(id, text) {
    if (this.part(id).textContent !== text) this.part(id).textContent = text;
  }

  #buttons(faces, selected) {
    const group = this.part("faces");
    const shown = faces.length < 2 ? [] : faces;
    const keys = shown.map((face) => face.face).join();
    if (group.dataset.keys !== keys) {
      const focused = group.contains(document.activeElement) ? document.activeElement.dataset.face : null;
      const buttons = new Map([...group.children].map((button) => [button.dataset.face, button]));
      group.dataset.keys = keys;
      group.replaceChildren(...shown.map((face) => buttons.get(String(face.face)) ?? this.#button(face.face)));
      if (focused !== null) ([...group.children].find((button) => button.dataset.face === focused) ?? group.firstElementChild ?? this.part("camera")).focus();
    }
    shown.forEach((face, index) => {
      const button = group.children[index];
      const text = t("people.button", { number: face.number, place: face.place, what: gist(face) });
      if (button.textContent !== text) button.textContent = text;
      button.dataset.person = colourOf(face.number);
      button.setAttribute("aria-pressed", String(face.face === selected.face));
    });
    group.hidden = shown.length === 0;
  }

  #button(number) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "toggle" });
    button.dataset.face = number;
    button.addEventListener("click", () => this.onChoose(number));
    return button;
  }
}
