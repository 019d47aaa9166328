// Tells changes to screen readers, and aloud where asked: only stable ones, and not too often.

import { gist, inWords } from "./words.js";

const STABLE_MS = 900;
const PAUSE_MS = 2500;

export class Announcer {
  constructor(region) {
    this.region = region;
    this.speaking = false;
    this.reset();
  }

  reset() {
    this.told = null;
    this.toldAt = -Infinity;
    this.candidate = null;
    this.since = 0;
  }

  get canSpeak() {
    return "speechSynthesis" in window;
  }

  speak(on) {
    this.speaking = on && this.canSpeak;
    if (!this.canSpeak) return;
    speechSynthesis.cancel();
    if (this.speaking) this.#say("Speech is on.");
  }

  /** A live face, or null where nobody is seen. */
  live(face, now = performance.now()) {
    const current = gist(face);
    if (current !== this.candidate) {
      this.candidate = current;
      this.since = now;
    }
    if (current === this.told || now - this.since < STABLE_MS || now - this.toldAt < PAUSE_MS) return;
    this.told = current;
    this.toldAt = now;
    this.#tell(inWords(face));
  }

  /** The prediction of a single picture: told at once. */
  once(text) {
    this.reset();
    this.#tell(text);
  }

  #tell(text) {
    // A screen reader and the page's own voice would talk over each other.
    if (this.speaking) this.#say(text);
    else this.region.textContent = text;
  }

  #say(text) {
    speechSynthesis.cancel();
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = "en";
    speechSynthesis.speak(utterance);
  }
}
