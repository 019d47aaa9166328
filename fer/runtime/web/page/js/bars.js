// The probability bars. Text carries everything; the coloured bars are for the eyes only.

import { named, percent, t } from "./i18n.js";

export class Bars {
  constructor(list, thresholdHint) {
    this.list = list;
    this.hint = thresholdHint;
    this.rows = new Map();
  }

  build(labels, uncertainBelow) {
    this.list.replaceChildren();
    this.rows.clear();
    for (const label of labels) {
      const row = document.createElement("li");
      row.dataset.series = label;
      const name = Object.assign(document.createElement("span"), { className: "bar-name", textContent: named(label) });
      const track = Object.assign(document.createElement("span"), { className: "bar-track" });
      track.setAttribute("aria-hidden", "true");
      const fill = Object.assign(document.createElement("span"), { className: "bar-fill" });
      const mark = Object.assign(document.createElement("span"), { className: "bar-mark" });
      mark.style.insetInlineStart = `${uncertainBelow * 100}%`;
      mark.hidden = uncertainBelow <= 0;
      track.append(fill, mark);
      const value = Object.assign(document.createElement("span"), { className: "bar-value", textContent: "–" });
      row.append(name, track, value);
      this.list.append(row);
      this.rows.set(label, { row, fill, value });
    }
    this.hint.hidden = uncertainBelow <= 0;
    this.hint.textContent = t("bars.threshold", { share: percent(uncertainBelow) });
  }

  show(face) {
    for (const [label, { row, fill, value }] of this.rows) {
      const share = face?.status === "ok" ? face.probabilities[label] : 0;
      fill.style.transform = `scaleX(${share})`;
      const text = face?.status === "ok" ? percent(share) : "–";
      if (value.textContent !== text) value.textContent = text;
      row.classList.toggle("top", face?.status === "ok" && label === face.label);
    }
  }
}
