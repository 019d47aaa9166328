// The one place where the page says what happened; whatever it says there, it also tells those who do not look.

export class Status {
  /** `onProblem()`: something is wrong, whatever is said of it. */
  constructor(box, announcer, { onProblem = () => {} } = {}) {
    Object.assign(this, { box, announcer, onProblem, lasting: null });
  }

  /**
   * `because` names the reason, so that it can be taken back when it is gone. `lasting`: it holds until then, and comes
   * back after what was said meanwhile.
   */
  say(lines, { kind = "problem", because = "", lasting = false } = {}) {
    if (lasting) this.lasting = { lines, kind, because };
    this.#show({ lines, kind, because });
    if (kind === "problem") this.onProblem();
    this.announcer.notice(lines.join(" "));
  }

  unsay(...because) {
    const { box } = this;
    if (this.lasting && (because.length === 0 || because.includes(this.lasting.because))) this.lasting = null;
    if (because.length > 0 && !because.includes(box.dataset.because)) return;
    if (this.lasting) this.#show(this.lasting);
    else box.hidden = true;
  }

  #show({ lines, kind, because }) {
    const { box } = this;
    box.dataset.kind = kind;
    box.dataset.because = because;
    box.replaceChildren(...lines.map((textContent) => Object.assign(document.createElement("p"), { textContent })));
    box.hidden = false;
  }
}
