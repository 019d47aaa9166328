// The one place where the page says what happened; whatever it says there, it also tells those who do not look.

export class Status {
  /** `onProblem()`: something is wrong, whatever is said of it. */
  constructor(box, announcer, { onProblem = () => {} } = {}) {
    Object.assign(this, { box, announcer, onProblem });
  }

  /** `because` names the reason, so that it can be taken back when it is gone. */
  say(lines, { kind = "problem", because = "" } = {}) {
    const { box } = this;
    box.dataset.kind = kind;
    box.dataset.because = because;
    box.replaceChildren(...lines.map((textContent) => Object.assign(document.createElement("p"), { textContent })));
    box.hidden = false;
    if (kind === "problem") this.onProblem();
    this.announcer.notice(lines.join(" "));
  }

  unsay(...because) {
    if (because.length === 0 || because.includes(this.box.dataset.because)) this.box.hidden = true;
  }
}
