// Two models on the same face, side by side.

import * as api from "./api.js";
import { app, chosenFace, hiddenFrom, ok, part } from "./app.js";
import { plain } from "./facts.js";
import { named, percent, t } from "./i18n.js";
import { gist } from "./words.js";

const cell = (textContent) => Object.assign(document.createElement("td"), { className: "num", textContent });

export class Comparison {
  constructor() {
    this.asking = false;
    this.next = null;
  }

  /** Nothing to compare, or nothing yet. */
  clear() {
    part("compare").hidden = app.second === null;
    part("compare-rows").replaceChildren();
    part("compare-words").textContent = "";
    if (app.second === null) return;
    part("compare-one").textContent = plain(app.model.name);
    part("compare-two").textContent = plain(app.second.name);
  }

  /** Asks the second model about the picture that the first has just answered for: one at a time, then the newest. */
  async picture({ blob, stream = null }) {
    const face = chosenFace();
    if (app.second === null) return;
    if (face === null) {
      this.clear();
      return;
    }
    const { model, second, scene } = app;
    this.next = { blob, stream, face, second, stands: () => app.last !== null && app.model === model && app.second === second && app.scene === scene };
    if (this.asking) return;
    this.asking = true;
    try {
      while (this.next !== null) {
        const asked = this.next;
        this.next = null;
        if (asked.stands()) await this.#ask(asked);
      }
    } finally {
      this.asking = false;
    }
  }

  async #ask({ blob, stream, face, second, stands }) {
    try {
      const response = await api.predict(blob, { model: second.name, stream, hide: hiddenFrom(second) });
      if (stands()) this.#show(face, nearest(response.faces.filter(ok), face));
    } catch (error) {
      // That there is no answer is told by those who ask for the first one.
      if (!(error instanceof api.Refused || error instanceof api.Unreachable)) throw error;
    }
  }

  #show(one, two) {
    if (two === null) {
      this.clear();
      return;
    }
    const rows = app.model.labels.map((label) => {
      const row = document.createElement("tr");
      const name = Object.assign(document.createElement("th"), { scope: "row", textContent: named(label) });
      row.append(name, ...[one, two].map((face) => cell(percent(face.probabilities[label] ?? 0))));
      row.classList.toggle("top", label === one.label || label === two.label);
      return row;
    });
    part("compare-rows").replaceChildren(...rows);
    const [first, second] = [one, two].map(gist);
    part("compare-words").textContent = t(first === second ? "compare.same" : "compare.differ", { first, second });
  }
}

const middle = ({ box: [x, y, w, h] }) => [x + w / 2, y + h / 2];

/** The face of another answer that lies where `face` does. */
function nearest(faces, face) {
  const [x, y] = middle(face);
  const away = (each) => Math.hypot(middle(each)[0] - x, middle(each)[1] - y);
  return faces.reduce((best, each) => (best === null || away(each) < away(best) ? each : best), null);
}
