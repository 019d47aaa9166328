// The drift log: are the faces still like those the model was measured on?

import * as api from "./api.js";
import { percent } from "./words.js";

const EVERY_MS = 4000;

export class DriftPanel {
  constructor(details, model) {
    this.details = details;
    this.model = model;
    this.part = (id) => details.querySelector(`#${id}`);
    details.addEventListener("toggle", () => details.open && this.refresh());
    setInterval(() => !document.hidden && this.refresh(), EVERY_MS);
  }

  async refresh() {
    if (this.model() === null) return;
    let state;
    try {
      state = await api.drift(this.model());
    } catch {
      return; // The live loop and the status line tell that the server is gone; this panel waits.
    }
    this.part("drift-badge").hidden = !state.alarm;
    if (!this.details.open) return;
    this.part("drift-words").textContent = state.sentence;
    const rows = Object.keys(state.reference).map((label) => row(label, percent(state.shares[label]), percent(state.reference[label]), points(state.shares[label] - state.reference[label]), false));
    rows.push(row("label shares together (PSI)", state.psi.toFixed(2), state.enough ? `below ${state.psi_limit.toFixed(2)}` : "not yet", "", state.enough && state.psi > state.psi_limit));
    for (const [name, shift] of Object.entries(state.shifts)) {
      rows.push(row(`${name} (mean)`, shift.now.toFixed(2), shift.reference.toFixed(2), `${signed(shift.effect.toFixed(1))} deviations`, shift.alarm));
    }
    this.part("drift-rows").replaceChildren(...rows);
  }
}

const signed = (number) => (Number(number) > 0 ? `+${number}` : number.replace("-", "\u2212"));
const points = (share) => `${signed(String(Math.round(share * 100)))} points`;

function row(name, now, reference, difference, off) {
  const line = document.createElement("tr");
  line.classList.toggle("off", off);
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: off ? `${name}: differs` : name });
  line.append(head, ...[now, reference, difference].map((textContent) => Object.assign(document.createElement("td"), { className: "num", textContent })));
  return line;
}
