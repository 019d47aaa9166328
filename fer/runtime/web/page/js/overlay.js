// Boxes and names over the picture. Uncertain faces have a dashed box and say so.

import { percent } from "./words.js";

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

  /** `faces`: those found; `size`: width and height of the picture that was asked about. `mirrored`: whether it is shown so. */
  show(faces, { size, mirrored, selected, moving }) {
    Object.assign(this, { faces, size, mirrored, selected });
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
    const scale = Math.min(width / this.size[0], height / this.size[1]);
    const left = (width - this.size[0] * scale) / 2;
    const top = (height - this.size[1] * scale) / 2;
    const style = getComputedStyle(this.canvas);
    const font = Math.max(13, Number.parseFloat(style.fontSize)) * devicePixelRatio;
    context.font = `600 ${font}px ${style.fontFamily}`;
    this.faces.forEach((face, index) => {
      const box = this.boxes.get(face.face);
      const share = this.calm.matches ? 1 : FOLLOW;
      face.box.forEach((goal, index) => (box[index] += (goal - box[index]) * share));
      const w = box[2] * scale;
      const h = box[3] * scale;
      const x = this.mirrored ? width - left - box[0] * scale - w : left + box[0] * scale;
      const y = top + box[1] * scale;
      // The numbers of the buttons beside the picture, where there is a choice.
      this.#box(context, face, { x, y, w, h, font, number: this.faces.length > 1 ? `${index + 1} \u00b7 ` : "" });
    });
  }

  /** The face that a click was on, or null. */
  at(event) {
    const { width, height } = this.canvas;
    const scale = Math.min(width / this.size[0], height / this.size[1]);
    const shownX = (event.offsetX * devicePixelRatio - (width - this.size[0] * scale) / 2) / scale;
    const x = this.mirrored ? this.size[0] - shownX : shownX;
    const y = (event.offsetY * devicePixelRatio - (height - this.size[1] * scale) / 2) / scale;
    return this.faces.find(({ box: [left, top, wide, high] }) => x >= left && x <= left + wide && y >= top && y <= top + high) ?? null;
  }

  #box(context, face, { x, y, w, h, font, number }) {
    const thick = (face.face === this.selected ? 3.5 : 2) * devicePixelRatio;
    context.setLineDash(face.uncertain ? [3 * thick, 2 * thick] : []);
    // Dark below light: visible on any picture.
    for (const [colour, width] of [["rgb(0 0 0 / .65)", thick + 2.5 * devicePixelRatio], ["#ffffff", thick]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(x, y, w, h);
    }
    context.setLineDash([]);
    const text = number + (face.uncertain ? `uncertain: ${face.label}?` : `${face.label} ${percent(face.confidence)}`);
    const pad = font * 0.35;
    const wide = context.measureText(text).width + 2 * pad;
    const high = font + 2 * pad;
    const at = Math.max(0, Math.min(x - thick, this.canvas.width - wide));
    const above = y - high - thick >= 0 ? y - high - thick : Math.min(y + h + thick, this.canvas.height - high);
    context.fillStyle = "rgb(9 14 20 / .86)";
    context.fillRect(at, above, wide, high);
    context.fillStyle = "#ffffff";
    context.textBaseline = "middle";
    context.fillText(text, at + pad, above + high / 2);
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
