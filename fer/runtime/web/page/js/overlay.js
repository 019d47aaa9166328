// Boxes and names over the picture. Uncertain faces have a dashed box and say so.

import { placeNames, placeNumbers } from "./labels.js";
import { named, percent, t } from "./i18n.js";
import { colourOf } from "./people.js";

const FOLLOW = 0.35;

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.boxes = new Map();
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.clear();
  }

  clear() {
    this.faces = [];
    this.boxes.clear();
    this.selected = null;
    this.#fit();
  }

  /**
   * `faces`: those found, with their `number`; `size`: width and height of the picture that was asked about;
   * `mirrored`: whether it is shown so; `hidden`: the half of each face that the model does not see, or null.
   */
  show(faces, { size, mirrored, selected, moving, hidden = null }) {
    Object.assign(this, { faces, size, mirrored, selected, hidden });
    const present = new Set(this.faces.map((face) => face.face));
    for (const key of this.boxes.keys()) if (!present.has(key)) this.boxes.delete(key);
    for (const face of this.faces) if (!moving || !this.boxes.has(face.face)) this.boxes.set(face.face, [...face.box]);
    this.draw();
  }

  /** Once a screen frame: the boxes glide to where the faces are. */
  draw() {
    const context = this.#fit();
    if (this.faces.length === 0) return;
    const { width, height } = this.canvas;
    const { scale, left, top } = this.#placed();
    const style = getComputedStyle(this.canvas);
    const font = Math.max(13, Number.parseFloat(style.fontSize)) * devicePixelRatio;
    const share = this.calm.matches ? 1 : FOLLOW;
    context.font = `600 ${font}px ${style.fontFamily}`;
    context.direction = document.documentElement.dir;
    const pad = font * 0.35;
    const high = font + 2 * pad;
    const shown = this.faces.map((face) => {
      const box = this.boxes.get(face.face);
      face.box.forEach((goal, index) => (box[index] += (goal - box[index]) * share));
      const w = box[2] * scale;
      const x = this.mirrored ? width - left - box[0] * scale - w : left + box[0] * scale;
      const text = t(face.uncertain ? "overlay.uncertain" : "overlay.certain", { number: face.number, label: named(face.label), share: percent(face.confidence) });
      return { face, text, x, y: top + box[1] * scale, w, h: box[3] * scale, wide: context.measureText(text).width + 2 * pad };
    });
    for (const each of shown) this.#hide(context, each);
    for (const each of shown) this.#box(context, each, shown.length > 1 ? style.getPropertyValue(`--on-picture-${colourOf(each.face.number)}`) : "#ffffff");
    // The caption of the picture names a face that is alone.
    if (shown.length < 2) return;
    context.textBaseline = "middle";
    const names = placeNames(shown, { high, width, height });
    if (names !== null) names.forEach((spot, index) => sign(context, spot, shown[index].text, pad));
    else {
      placeNumbers(shown, high).forEach(({ x, y, side }, index) => {
        context.font = `600 ${0.7 * side}px ${style.fontFamily}`;
        sign(context, { x, y, w: side, h: side }, String(shown[index].face.number), null);
      });
    }
    this.canvas.dataset.names = names === null ? "numbers" : "names";
  }

  /** The face that a click was on, or null. */
  at(event) {
    const { scale, left, top } = this.#placed();
    const shownX = (event.offsetX * devicePixelRatio - left) / scale;
    const x = this.mirrored ? this.size[0] - shownX : shownX;
    const y = (event.offsetY * devicePixelRatio - top) / scale;
    return this.faces.find(({ box }) => x >= box[0] && x <= box[0] + box[2] && y >= box[1] && y <= box[1] + box[3]) ?? null;
  }

  // How the picture lies on the canvas: whole, where the style puts the picture itself (`object-position`).
  #placed() {
    const { width, height } = this.canvas;
    const scale = Math.min(width / this.size[0], height / this.size[1]);
    const [across, down] = getComputedStyle(this.canvas).objectPosition.split(" ").map((share) => Number.parseFloat(share) / 100);
    return { scale, left: (width - this.size[0] * scale) * across, top: (height - this.size[1] * scale) * down };
  }

  // What the model does not see is covered: its halves are those of the face, which the box holds nearly.
  #hide(context, { x, y, w, h }) {
    if (this.hidden === null) return;
    const side = this.mirrored ? { left: "right", right: "left" }[this.hidden] ?? this.hidden : this.hidden;
    const spots = { upper: [x, y, w, h / 2], lower: [x, y + h / 2, w, h / 2], left: [x, y, w / 2, h], right: [x + w / 2, y, w / 2, h] };
    context.fillStyle = "#808080";
    context.fillRect(...spots[side]);
  }

  #box(context, { face, x, y, w, h }, light) {
    const thick = (face.face === this.selected ? 3.5 : 2) * devicePixelRatio;
    context.setLineDash(face.uncertain ? [3 * thick, 2 * thick] : []);
    // Dark below light: visible on any picture.
    for (const [colour, width] of [["rgb(0 0 0 / .65)", thick + 2.5 * devicePixelRatio], [light, thick]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(x, y, w, h);
    }
    context.setLineDash([]);
  }

  #fit() {
    const width = Math.round(this.canvas.clientWidth * devicePixelRatio);
    const height = Math.round(this.canvas.clientHeight * devicePixelRatio);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    return context;
  }
}

// `pad`: from the left; null: in the middle.
function sign(context, { x, y, w, h }, text, pad) {
  context.fillStyle = "rgb(9 14 20 / .86)";
  context.fillRect(x, y, w, h);
  context.fillStyle = "#ffffff";
  context.textAlign = pad === null ? "center" : "left";
  context.fillText(text, pad === null ? x + w / 2 : x + pad, y + h / 2);
}
