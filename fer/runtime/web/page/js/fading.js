// Help that fades: at first two choices, a strong expression, and what there is to see, so that hardly anybody errs; less
// help as answers agree, more as they differ. The same steps as "most-to-least prompting" has.

/** From the most help to none. */
const STEPS = [
  { choices: 2, strength: 1, described: true, ringed: true },
  { choices: 2, strength: 1, described: false, ringed: true },
  { choices: 3, strength: 0.8, described: false, ringed: true },
  { choices: 4, strength: 0.8, described: false, ringed: false },
  { choices: 7, strength: 0.6, described: false, ringed: false },
];
/** So many answers that agree, one after another, take a step. */
const AGREED = 2;

/** No more help than what was set. */
export const UNHELPED = { described: false, ringed: false };

export class Fading {
  /** `from`: what `place` gave before; null begins with the most help. */
  constructor(from) {
    this.begin();
    Object.assign(this, from);
  }

  get place() {
    return { at: this.at, agreed: this.agreed };
  }

  begin() {
    Object.assign(this, { at: 0, agreed: 0 });
  }

  /** {choices, strength, described, ringed} of the next face. */
  get step() {
    return STEPS[this.at];
  }

  /** A face was called what it was drawn to show (`same`), or something else. */
  answered(same) {
    this.agreed = same ? this.agreed + 1 : 0;
    if (!same) this.at = Math.max(0, this.at - 1);
    else if (this.agreed === AGREED) Object.assign(this, { at: Math.min(STEPS.length - 1, this.at + 1), agreed: 0 });
  }
}
