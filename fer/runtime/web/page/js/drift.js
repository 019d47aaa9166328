// The drift log: are the faces still like those the model was measured on?

import * as api from "./api.js";
import { named, number, percent, signed, t } from "./i18n.js";
import { drifted } from "./sentences.js";

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
    const model = this.model();
    if (model === null) return;
    let state;
    try {
      state = await api.drift(model);
    } catch {
      return; // The live loop and the status line tell that the server is gone; this panel waits.
    }
    if (model !== this.model()) return;
    this.part("drift-badge").hidden = !state.alarm;
    if (!this.details.open) return;
    this.part("drift-words").textContent = drifted(state);
    this.part("drift-hint").textContent = t(state.kept ? "drift.hint.kept" : "drift.hint");
    const rows = Object.keys(state.reference).map((label) => row(named(label), percent(state.shares[label]), percent(state.reference[label]), off("points", 100 * (state.shares[label] - state.reference[label]), 0), false));
    const judged = state.told_prior === null;
    const limit = judged ? (state.enough ? t("drift.below", { limit: number(state.psi_limit, 2) }) : t("drift.not-yet")) : t("drift.not-judged");
    rows.push(row(t("drift.psi"), number(state.psi, 2), limit, "", judged && state.enough && state.psi > state.psi_limit));
    for (const [name, shift] of Object.entries(state.shifts)) {
      rows.push(row(t(`drift.${name}`), number(shift.now, 2), number(shift.reference, 2), off("deviations", shift.effect, 1), shift.alarm));
    }
    this.part("drift-rows").replaceChildren(...rows);
  }
}

const off = (unit, by, digits) => t(`drift.${unit}`, { count: Number(by.toFixed(digits)), by: signed(by, digits) });

function row(name, now, reference, difference, off) {
  const line = document.createElement("tr");
  line.classList.toggle("off", off);
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: off ? t("drift.row-differs", { name }) : name });
  line.append(head, ...[now, reference, difference].map((textContent) => Object.assign(document.createElement("td"), { className: "num", textContent })));
  return line;
}
