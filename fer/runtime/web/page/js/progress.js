// What was practised: kept in the page alone, until it is closed; saved as a file where somebody asks for it.

import { part } from "./app.js";
import { asJson, save } from "./exports.js";
import { handed, handOver } from "./handover.js";
import { listed, named, t } from "./i18n.js";

export class Progress {
  constructor() {
    this.entries = handed("progress") ?? [];
    handOver("progress", () => this.entries);
    part("progress-save").addEventListener("click", () => save(asJson({ practised: this.entries }), "fer-practise.json"));
    part("progress-forget").addEventListener("click", () => {
      this.entries = [];
      this.#show();
    });
    this.#show();
  }

  /** {kind: "guess" | "mirror", shown, named, from, strength, choices, help, at}: what a face showed, what it was called. */
  add(entry) {
    this.entries.push({ at: new Date().toISOString(), ...entry });
    this.#show();
  }

  // Counts by expression, without marks: what was called what is of use, how good that is is nobody's business.
  #show() {
    const guesses = this.entries.filter((entry) => entry.kind === "guess");
    const mirrored = this.entries.length - guesses.length;
    part("progress-words").textContent = [t("progress.faces", { count: guesses.length }), ...(mirrored > 0 ? [t("progress.mirrored", { count: mirrored })] : [])].join(" ");
    const by = new Map();
    for (const { shown, named: said } of guesses) {
      if (!by.has(shown)) by.set(shown, new Map());
      by.get(shown).set(said, (by.get(shown).get(said) ?? 0) + 1);
    }
    const lines = [...by].map(([shown, said]) => t("progress.line", { label: named(shown), each: listed([...said].map(([label, count]) => t("progress.called", { label: named(label), count }))) }));
    part("progress-list").replaceChildren(...lines.map((textContent) => Object.assign(document.createElement("li"), { textContent })));
  }
}
