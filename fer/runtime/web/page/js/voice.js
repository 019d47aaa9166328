// The page's own voice. No label cuts another off: the newest waits. What went wrong comes before labels.

import { language } from "./i18n.js";

const SILENT_MS = 1500;
const LONGEST_MS = 12000;

/** Whether somebody has pressed a key or clicked, before which browsers do not speak. */
const touched = () => navigator.userActivation?.hasBeenActive ?? false;

/** What a voice speaks, with its likely region: tags are "en-US", on Android "en_US" or "eng-USA", of eSpeak "cmn", which is Chinese. */
function tongue(tag) {
  const parts = tag.split(/[-_]/);
  try {
    return new Intl.Locale(parts.join("-")).maximize();
  } catch {
    return parts.length === 1 ? null : tongue(parts[0]);
  }
}

/** The voice for the language of the page: from where the reader is, as the browser says, else from where most who speak it are. */
function fitting() {
  const regions = [...navigator.languages, language].map(tongue).filter((each) => each?.language === language).map((each) => each.region);
  const rank = ({ lang, default: usual }) => {
    const at = regions.indexOf(tongue(lang).region);
    return 2 * (at < 0 ? regions.length : at) + (usual ? 0 : 1);
  };
  const voices = speechSynthesis.getVoices().filter(({ lang }) => tongue(lang)?.language === language);
  return voices.sort((one, two) => rank(one) - rank(two))[0];
}

export class Voice {
  /** `onBlocked()`: the browser refuses to speak before the first key or click. `onUnblocked()`: it speaks now. */
  constructor({ onBlocked, onUnblocked }) {
    Object.assign(this, { onBlocked, onUnblocked, on: false, blocked: false, current: null, label: null, rate: 1 });
    this.notices = [];
    for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => this.#touched(), { capture: true });
  }

  get canSpeak() {
    return "speechSynthesis" in window;
  }

  turn(on) {
    this.on = on && this.canSpeak;
    this.notices = [];
    this.label = null;
    if (!this.on && this.canSpeak) {
      this.current = null;
      speechSynthesis.cancel();
    }
    this.#block(false);
  }

  /** Whether some voice here speaks the language of the page; null where the browser does not say. */
  get speaksLanguage() {
    if (!this.canSpeak || speechSynthesis.getVoices().length === 0) return null;
    return fitting() !== undefined;
  }

  /** `lasting`: a notice, which waits its turn; a label gives way to a newer one. `again`: somebody asked for it. */
  say(text, { lasting, again = false }) {
    if (!this.on) return;
    // What is being said needs no second time.
    if (!lasting && !again && this.current?.text === text) {
      this.label = null;
      return;
    }
    if (lasting) {
      this.notices.push(text);
      this.label = null;
      // What went wrong cannot wait for a label, which no longer holds.
      if (this.current !== null && !this.lasting) {
        this.current = null;
        speechSynthesis.cancel();
      }
    } else this.label = text;
    if (this.current === null) this.#next();
  }

  #next() {
    if (this.blocked || !this.on) return;
    this.lasting = this.notices.length > 0;
    const text = this.notices.shift() ?? this.label;
    if (text === null) return;
    if (text === this.label) this.label = null;
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = language;
    utterance.rate = this.rate;
    const voice = fitting();
    if (voice !== undefined) utterance.voice = voice;
    this.current = utterance;
    const allowed = touched();
    let begun = false;
    const over = () => {
      if (this.current !== utterance) return;
      this.current = null;
      clearTimeout(unheard);
      clearTimeout(tooLong);
      this.#next();
    };
    const refused = () => {
      if (this.current !== utterance) return;
      this.current = null;
      clearTimeout(unheard);
      clearTimeout(tooLong);
      this.notices.unshift(text);
      // Refused before a key that came meanwhile, as the second of two quick ones: nobody may press a third.
      if (touched() && !allowed) {
        speechSynthesis.cancel();
        this.#next();
      } else this.#block(true);
    };
    utterance.addEventListener("start", () => {
      begun = true;
      this.#block(false);
    });
    utterance.addEventListener("end", over);
    utterance.addEventListener("error", (event) => (event.error === "not-allowed" ? refused() : over()));
    // Some browsers refuse the first word without saying so.
    const unheard = setTimeout(() => !begun && !allowed && refused(), SILENT_MS);
    // Some forget to say that they are done.
    const tooLong = setTimeout(over, LONGEST_MS);
    speechSynthesis.speak(utterance);
  }

  #touched() {
    if (!this.blocked) return;
    speechSynthesis.cancel();
    this.#block(false);
    this.#next();
  }

  #block(blocked) {
    if (this.blocked === blocked) return;
    this.blocked = blocked;
    // That the voice is refused is for eyes alone: once it could be spoken, it is no longer true.
    const { notices } = this;
    this.notices = [];
    if (blocked) this.onBlocked();
    else this.onUnblocked();
    this.notices = notices;
  }
}
