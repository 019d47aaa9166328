// What is told to those who do not look: one text, for screen readers and for the page's own voice.

import { t } from "./i18n.js";

const COUNT_STABLE_MS = 600;
const PAUSE_MS = 2500;
/** A change is told again at the earliest after so long, where nothing speaks any more. */
const SPOKEN_PAUSE_MS = 700;

export class Announcer {
  /** `onTell(kind)`: something is about to be told; a "label", a "notice" or an "aim". */
  constructor(region, voice, { onTell = () => {} } = {}) {
    Object.assign(this, { region, voice, onTell, when: "changes" });
    this.reset();
  }

  reset() {
    this.told = null;
    this.toldAt = -Infinity;
    this.candidate = null;
    this.since = 0;
    this.latest = null;
  }

  speak(on) {
    this.voice.turn(on);
    // A screen reader and the page's own voice would talk over each other.
    this.region.setAttribute("aria-live", this.voice.on ? "off" : "polite");
    if (this.voice.on) this.voice.say(t("voice.on"), { lasting: true });
  }

  /** `when`: "changes", seconds between two ("5"), or "asked": only then. */
  pace(when) {
    this.when = when;
    this.told = null;
  }

  /** What the live picture shows, already steadied: {gist, count, words}. */
  live({ gist, count, words }, now = performance.now()) {
    this.latest = words;
    if (count !== this.candidate) {
      this.candidate = count;
      this.since = now;
    }
    // A face that comes or goes must have done so for a moment; the finder of faces misses one now and then.
    if (this.when === "asked" || now - this.since < COUNT_STABLE_MS) return;
    if (this.when === "changes" ? gist === this.told || now - this.toldAt < this.#pause() : now - this.toldAt < 1000 * Number(this.when)) return;
    this.told = gist;
    this.toldAt = now;
    this.#tell(words, "label");
  }

  // While a voice speaks, the newest waits for it; without one, nobody knows how fast a screen reader is.
  #pause() {
    return this.voice.on ? SPOKEN_PAUSE_MS : PAUSE_MS;
  }

  /**
   * The prediction of a single picture, or a choice: told at once. `read`: what a screen reader is told of it, where the
   * focus stands on the rest, which it reads by itself.
   */
  once(text, { read = text } = {}) {
    this.reset();
    this.latest = text;
    this.#tell(text, "label", { read });
  }

  /** What stands on the screen, because somebody asked; what was told before it is told again. */
  now(text, at = performance.now()) {
    this.toldAt = at;
    this.#tell(text, "label", { again: true });
  }

  /** How to point the camera; a label may take its place. */
  aim(text) {
    this.#tell(text, "aim");
  }

  /** What happened: told at once, and never dropped for a label. */
  notice(text) {
    this.reset();
    this.#tell(text, "notice");
  }

  #tell(text, kind, { again = false, read = text } = {}) {
    this.onTell(kind);
    // A region whose text stays the same is not read again.
    if (again && this.region.textContent === read) this.region.textContent = "";
    this.region.textContent = read;
    this.voice.say(text, { lasting: kind === "notice", again });
  }
}
