// What is told to those who do not look: one text, for screen readers and for the page's own voice.

const COUNT_STABLE_MS = 600;
const PAUSE_MS = 2500;

export class Announcer {
  constructor(region, voice) {
    Object.assign(this, { region, voice });
    this.reset();
  }

  reset() {
    this.told = null;
    this.toldAt = -Infinity;
    this.candidate = null;
    this.since = 0;
  }

  speak(on) {
    this.voice.turn(on);
    // A screen reader and the page's own voice would talk over each other.
    this.region.setAttribute("aria-live", this.voice.on ? "off" : "polite");
    if (this.voice.on) this.voice.say("Speech is on.", { lasting: true });
  }

  /** What the live picture shows, already steadied: {gist, count, words}. */
  live({ gist, count, words }, now = performance.now()) {
    if (count !== this.candidate) {
      this.candidate = count;
      this.since = now;
    }
    // A face that comes or goes must have done so for a moment; the finder of faces misses one now and then.
    if (gist === this.told || now - this.since < COUNT_STABLE_MS || now - this.toldAt < PAUSE_MS) return;
    this.told = gist;
    this.toldAt = now;
    this.#tell(words, false);
  }

  /** The prediction of a single picture, or a choice: told at once. */
  once(text) {
    this.reset();
    this.#tell(text, false);
  }

  /** What happened: told at once, and never dropped for a label. */
  notice(text) {
    this.reset();
    this.#tell(text, true);
  }

  #tell(text, lasting) {
    this.region.textContent = text;
    this.voice.say(text, { lasting });
  }
}
