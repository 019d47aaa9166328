// Sounds that say what words would say too late: where a face is, that one came or went, that something is wrong.

const SHORT_S = 0.07;
/** What happened -> notes in Hz, one after another. */
const EARCONS = { found: [523, 784], lost: [523, 349], change: [659], problem: [220, 196], done: [523, 659, 784] };
/** And for the hand, where the device can shake: milliseconds on, off, on. */
const SHAKES = { found: [40, 40, 40], lost: [160], centred: [220], problem: [90, 60, 90], off: [25] };

export class Tones {
  constructor() {
    this.on = false;
    this.context = null;
  }

  /** Browsers let a page sound only after a key or a click: call it from one. */
  turn(on) {
    this.on = on && "AudioContext" in window;
    if (this.on) this.context ??= new AudioContext();
    this.context?.[this.on ? "resume" : "suspend"]();
  }

  earcon(kind) {
    this.shake(kind);
    if (!this.on) return;
    EARCONS[kind].forEach((pitch, index) => this.#note(pitch, { at: index * 1.4 * SHORT_S, loud: 0.12, aside: 0 }));
  }

  /** Where a face is: `aside` in [-1, 1] is heard left or right; the nearer to the middle (`off` towards 0), the higher. */
  place({ aside, off }) {
    if (this.on) this.#note(880 - 520 * Math.min(1, off), { at: 0, loud: 0.08, aside });
    this.shake(off < 0.15 ? "centred" : "off");
  }

  shake(kind) {
    if (this.on && navigator.userActivation?.hasBeenActive && kind in SHAKES) navigator.vibrate?.(SHAKES[kind]);
  }

  #note(pitch, { at, loud, aside }) {
    const { context } = this;
    const begin = context.currentTime + at;
    const source = new OscillatorNode(context, { frequency: pitch });
    const volume = new GainNode(context, { gain: 0 });
    // Without a ramp, a tone clicks.
    volume.gain.linearRampToValueAtTime(loud, begin + 0.01);
    volume.gain.linearRampToValueAtTime(0, begin + SHORT_S);
    source.connect(volume).connect(new StereoPannerNode(context, { pan: aside })).connect(context.destination);
    source.start(begin);
    source.stop(begin + SHORT_S + 0.02);
  }
}
