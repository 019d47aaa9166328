// Keeps verdicts from flipping on a still face: a threshold with a margin, and a moment that a new label must last.

export const MARGIN = 0.05;
export const HOLD_MS = 400;
/** A label that has not held for so long is given up, even where no other one lasts. */
const LOST_MS = 2 * HOLD_MS;

export class Steady {
  /** `threshold`: below it the server calls a prediction uncertain; above 1 where every one is. */
  constructor(threshold) {
    // Halfway to certainty at the most, or a high threshold plus its margin could never be reached.
    this.enter = Math.min(threshold + MARGIN, (threshold + 1) / 2);
    this.leave = threshold - MARGIN;
    this.kept = new Map();
  }

  /** The faces of the next picture, by their numbers, with the labels that lasted. `leaving`: of one that the model says no more. */
  faces(faces, now = performance.now()) {
    const present = new Set(faces.map((face) => face.face));
    for (const number of this.kept.keys()) if (!present.has(number)) this.kept.delete(number);
    return faces.map((face) => (face.status === "ok" ? this.#steadied(face, now) : face));
  }

  #steadied(face, now) {
    let kept = this.kept.get(face.face);
    if (kept === undefined) {
      kept = { label: face.uncertain ? null : face.label, wish: undefined, since: now, held: now };
      this.kept.set(face.face, kept);
    }
    const wish = face.confidence >= (kept.label === face.label ? this.leave : this.enter) ? face.label : null;
    if (wish === kept.label) Object.assign(kept, { wish: undefined, held: now });
    else if (wish !== kept.wish) Object.assign(kept, { wish, since: now });
    else if (now - kept.since >= HOLD_MS) Object.assign(kept, { label: wish, wish: undefined, held: now });
    // Others that take turns: none of them lasts, and this one is long gone.
    if (now - kept.held >= LOST_MS) kept.label = null;
    if (kept.label === null) return { ...face, uncertain: true, leaving: false };
    return { ...face, uncertain: false, label: kept.label, confidence: face.probabilities[kept.label], leaving: kept.wish !== undefined };
  }
}
