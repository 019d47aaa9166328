// Pointing a camera by ear: what to do so that a face is in the middle, near enough and lit.

/** Shares of the picture and of full brightness beyond which a hint is given. */
const SIDE = 0.18;
const HEIGHT = 0.2;
const FAR = 0.2;
const NEAR = 0.8;
const DARK = 0.16;
const BRIGHT = 0.92;

/** A hint is said again, where it still holds, after so long; a new one after a shorter pause. */
const AGAIN_MS = 6000;
const NEW_MS = 1800;
const TONE_MS = 700;

/**
 * The most pressing hint, by its message ("aim.left"), and where the face is; null hint where all is well.
 * `face`: the largest, its box in pixels of the picture, not mirrored, or null; `light`: mean brightness in [0, 1];
 * `towards`: whether the camera looks at the one who holds it ("user") or away ("environment").
 */
export function hint({ face, size: [width, height], light, towards }) {
  if (face === null) return { key: light < DARK ? "aim.dark" : light > BRIGHT ? "aim.bright" : "aim.nobody", aside: 0, off: 1 };
  const [x, y, w, h] = face.box;
  const across = (x + w / 2) / width - 0.5;
  const down = (y + h / 2) / height - 0.5;
  const off = Math.min(1, 2 * Math.hypot(across, down));
  // Whoever looks into a camera sees the right of the picture on their left.
  const aside = Math.max(-1, Math.min(1, 2 * (towards === "user" ? -across : across)));
  const key = pressing({ across, down, near: h / height, light, own: towards === "user" });
  return { key, aside, off };
}

function pressing({ across, down, near, light, own }) {
  if (light < DARK) return "aim.dark";
  if (near > NEAR) return own ? "aim.near" : "aim.near.away";
  if (Math.abs(across) > SIDE) {
    const much = Math.abs(across) > 1.7 * SIDE ? "far" : "bit";
    // To the right of the picture: one who looks into the camera stands too far to their left, and moves right; one
    // who points it turns it right.
    return `aim.${own ? "move" : "turn"}.${across > 0 ? "right" : "left"}.${much}`;
  }
  if (Math.abs(down) > HEIGHT) return `aim.${own ? "move" : "turn"}.${(down > 0) === own ? "up" : "down"}`;
  if (near < FAR) return own ? "aim.far" : "aim.far.away";
  return light > BRIGHT ? "aim.bright" : null;
}

export class Aim {
  /** `onHint(key)`: to be said; `onTone({aside, off})`: to be heard. */
  constructor({ onHint, onTone }) {
    Object.assign(this, { onHint, onTone, on: false });
    this.reset();
  }

  reset() {
    Object.assign(this, { key: undefined, at: -Infinity, toneAt: -Infinity });
  }

  /** The next picture; see `hint`. */
  picture(seen, now = performance.now()) {
    if (!this.on) return;
    const { key, aside, off } = hint(seen);
    if (seen.face !== null && now - this.toneAt > TONE_MS) {
      this.toneAt = now;
      this.onTone({ aside, off });
    }
    const wait = key === this.key ? AGAIN_MS : NEW_MS;
    // That all is well is said once, and not before there was something to mend.
    if (now - this.at < wait || (key === null && (this.key === null || this.key === undefined))) return;
    this.at = now;
    this.key = key;
    this.onHint(key ?? "aim.good");
  }
}

const SIDES = [16, 12];
const small = Object.assign(document.createElement("canvas"), { width: SIDES[0], height: SIDES[1] });
const context = small.getContext("2d", { willReadFrequently: true });

/** Mean brightness of a picture, in [0, 1]. */
export function brightness(picture) {
  context.drawImage(picture, 0, 0, ...SIDES);
  const { data } = context.getImageData(0, 0, ...SIDES);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  return sum / (data.length / 4) / 255;
}
