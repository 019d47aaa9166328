// The people in front of a camera: each keeps a number and a colour while the server follows them, which it does for
// a second after they are gone.

import { t } from "./i18n.js";
import { gist, percent, seconds } from "./words.js";

/** A number is given to somebody else after its owner has been away for so long. */
const AWAY_MS = 3000;
/** How many colours there are: those of page.css, `--person-1` and so on; a number beyond starts over. */
export const COLOURS = 6;

export const colourOf = (number) => ((number - 1) % COLOURS) + 1;

export class People {
  constructor() {
    this.reset();
  }

  reset() {
    this.known = new Map();
  }

  /** The faces of a moving picture, with the `person`'s number, the smallest that was free when they came, and `since` when. */
  number(faces, now = performance.now()) {
    const here = new Set(faces.map((face) => face.face));
    for (const [key, person] of this.known) if (!here.has(key) && now - person.seen > AWAY_MS) this.known.delete(key);
    return faces.map((face) => {
      let person = this.known.get(face.face);
      if (person === undefined) {
        person = { number: this.#free(), since: now };
        this.known.set(face.face, person);
      }
      person.seen = now;
      return { ...face, person: person.number, since: person.since };
    });
  }

  #free() {
    const taken = new Set([...this.known.values()].map((person) => person.number));
    let number = 1;
    while (taken.has(number)) number += 1;
    return number;
  }
}

/** Draws the list of the people; only what changed is touched, so that a reader of the list is left in peace. */
export function listPeople(list, faces, now = performance.now()) {
  while (list.children.length > faces.length) list.lastElementChild.remove();
  while (list.children.length < faces.length) list.append(document.createElement("li"));
  faces.forEach((face, index) => {
    const row = list.children[index];
    const here = Math.floor((now - face.since) / 5000) * 5000;
    const text = t("people.line", { number: face.number, place: face.place, what: gist(face), share: percent(face.confidence), time: seconds(here) });
    if (row.textContent !== text) row.textContent = text;
    row.dataset.person = colourOf(face.number);
  });
}
