// The probabilities of the last minute as stacked bands, and what they come to in words.

import { listed, percent, t } from "./i18n.js";
import { gist } from "./words.js";

const SPAN_MS = 60000;
const REDRAW_MS = 120;
const REWORD_MS = 3000;

export class Timeline {
  constructor(canvas, words) {
    this.canvas = canvas;
    this.words = words;
    this.points = [];
    this.drawnAt = this.wordedAt = -Infinity;
  }

  reset() {
    this.points = [];
    this.words.textContent = "";
    this.drawnAt = this.wordedAt = -Infinity;
  }

  add(face, labels, now = performance.now()) {
    this.points.push({ at: now, face: face?.status === "ok" ? face : null });
    while (this.points.length > 0 && this.points[0].at < now - SPAN_MS) this.points.shift();
    if (now - this.drawnAt >= REDRAW_MS) {
      this.drawnAt = now;
      this.#draw(labels, now);
    }
    if (now - this.wordedAt >= REWORD_MS) {
      this.wordedAt = now;
      this.words.textContent = this.#inWords();
    }
  }

  #draw(labels, now) {
    const ratio = devicePixelRatio;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    context.clearRect(0, 0, width, height);
    const x = (at) => width - ((now - at) / SPAN_MS) * width;
    for (const run of this.#runs()) {
      let floor = run.map(() => height);
      for (const label of labels) {
        const roof = run.map((point, index) => floor[index] - point.face.probabilities[label] * height);
        context.beginPath();
        run.forEach((point, index) => context.lineTo(x(point.at), roof[index]));
        for (let index = run.length - 1; index >= 0; index -= 1) context.lineTo(x(run[index].at), floor[index]);
        context.fillStyle = style.getPropertyValue(`--${label}`);
        context.fill();
        floor = roof;
      }
    }
  }

  // Stretches in which a face was seen without a break.
  #runs() {
    const runs = [];
    let run = [];
    for (const point of this.points) {
      const gap = run.length > 0 && point.at - run.at(-1).at > 1000;
      if (point.face === null || gap) {
        if (run.length > 1) runs.push(run);
        run = [];
      }
      if (point.face !== null) run.push(point);
    }
    if (run.length > 1) runs.push(run);
    return runs;
  }

  #inWords() {
    const seen = this.points.filter((point) => point.face !== null);
    if (seen.length === 0) return t("timeline.none");
    const counts = new Map();
    for (const { face } of seen) {
      const name = gist(face);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const ranked = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3);
    return t("timeline.words", { each: listed(ranked.map(([what, count]) => t("timeline.part", { what, share: percent(count / seen.length) }))) });
  }
}
