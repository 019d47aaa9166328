// The verdict on the chosen face, its bars, and the buttons to choose another.

import { gist, percent } from "./words.js";

export class Result {
  /** `part(id)` finds the page's elements; `onChoose(face)` is called with the face whose button was pressed. */
  constructor(part, { bars, onChoose }) {
    Object.assign(this, { part, bars, onChoose });
  }

  /** `faces`: all that were found; `face`: the chosen one, or null where there are none. */
  show(faces, face, { live }) {
    if (face === null) {
      this.blank("No face", live ? "Look at the camera, upright and in good light." : "No upright face was found in this picture.");
      return;
    }
    this.#verdict(
      face.uncertain ? "uncertain" : "sure",
      face.uncertain ? "Uncertain" : face.label,
      (faces.length > 1 ? `Face ${face.number}, ${face.place}. ` : "") +
        (face.uncertain ? `Best guess ${face.label} with ${percent(face.confidence)}: too weak to rely on.` : `The model is ${percent(face.confidence)} sure that this face looks like that.`),
    );
    this.bars.show(face);
    this.#buttons(faces, face);
    this.part("explain").setAttribute("aria-disabled", "false");
  }

  /** Nothing that could be taken for a prediction. */
  blank(label, words) {
    this.#verdict("none", label, words);
    this.bars.show(null);
    this.part("explain").setAttribute("aria-disabled", "true");
    this.#buttons([], null);
  }

  #verdict(state, label, words) {
    const verdict = this.part("verdict");
    verdict.dataset.state = state;
    if (state === "sure") verdict.dataset.series = label;
    else delete verdict.dataset.series;
    for (const [id, text] of [["verdict-label", label], ["verdict-words", words]]) {
      if (this.part(id).textContent !== text) this.part(id).textContent = text;
    }
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
      const text = `Face ${face.number}, ${face.place}, ${gist(face)}`;
      if (button.textContent !== text) button.textContent = text;
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
