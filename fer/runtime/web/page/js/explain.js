// Why this prediction: a heat map over the face, and the face with one half covered.

import * as api from "./api.js";
import { patiently } from "./problems.js";
import { fine, named, percent, t } from "./i18n.js";
import { covered, evidence, FAINT, half } from "./sentences.js";
import { capital, other } from "./words.js";

const SIDE = 288;
// From no evidence to much, as the scale beside the map: an inferno-like ramp.
const STOPS = [[43, 17, 94], [177, 50, 90], [249, 142, 9], [252, 255, 164]];

const element = (tag, className, textContent) => Object.assign(document.createElement(tag), { className, textContent });

export class Explanation {
  constructor(root) {
    this.root = root;
    this.part = (id) => root.querySelector(`#${id}`);
    this.map = null;
    this.moment = null;
    this.part("heat-strength").addEventListener("input", () => this.#drawHeat());
  }

  /**
   * `moment`: {blob, picture (canvas or bitmap), at ("x,y" inside the face), model, mirrored, stands()}, of which
   * `stands()` is asked when the answer is there; `labels`: all of them. Gives whether it is shown. Throws what the interface throws.
   */
  async show(moment, labels, label) {
    this.moment = moment;
    const parameters = { at: moment.at, model: moment.model };
    const [heat, covers] = await Promise.all([patiently(() => api.explain(moment.blob, { ...parameters, label })), patiently(() => api.cover(moment.blob, parameters))]);
    if (this.moment !== moment || !moment.stands()) return false;
    this.root.hidden = false;
    const select = this.part("heat-label");
    select.replaceChildren(...labels.map((each) => new Option(t("explain.option", { label: named(each), share: fine(heat.face.probabilities[each]) }), each)));
    this.#useHeat(heat);
    this.#useCovers(covers);
    return true;
  }

  async relabel(label) {
    const moment = this.moment;
    const heat = await patiently(() => api.explain(moment.blob, { at: moment.at, model: moment.model, label }));
    if (this.moment === moment && this.part("heat-label").value === label) this.#useHeat(heat);
  }

  #useHeat(heat) {
    this.map = heat.map;
    this.frame = heat.frame;
    this.part("heat-label").value = heat.label;
    this.share = heat.face.probabilities[heat.label];
    this.part("heat-words").textContent = evidence(heat);
    this.part("heat-much").textContent = t(this.share < FAINT ? "explain.faint" : "explain.much", { label: named(heat.label), share: fine(this.share) });
    this.part("heat-ramp").style.opacity = this.share;
    this.part("heat").setAttribute("aria-label", t("explain.map", { label: named(heat.label) }));
    this.#drawHeat();
  }

  #useCovers(response) {
    const mirrored = this.moment.mirrored;
    const side = (half) => (half !== null && mirrored ? other[half] : half);
    this.part("cover-words").textContent = covered(response.rows, mirrored);
    const full = response.rows[0].label;
    const items = response.rows.map((row) => {
      const item = element("li", "", "");
      const canvas = Object.assign(document.createElement("canvas"), { width: 176, height: 176 });
      canvas.setAttribute("aria-hidden", "true");
      this.#drawFace(canvas, response.frame);
      cover(canvas, side(row.hidden));
      const changed = row.label !== full;
      const name = element("p", "cover-name", row.hidden === null ? t("covers.none") : capital(t("covers.covered", { half: half(row.hidden, mirrored) })));
      const words = element("p", changed ? "cover-prediction changed" : "cover-prediction", t(changed ? "covers.now" : "covers.still", { label: named(row.label), share: percent(row.confidence) }));
      const track = element("div", "bar-track", "");
      track.setAttribute("aria-hidden", "true");
      track.dataset.series = row.label;
      const fill = element("span", "bar-fill", "");
      fill.style.transform = `scaleX(${row.confidence})`;
      track.append(fill);
      item.append(canvas, name, words, track);
      return item;
    });
    this.part("covers").replaceChildren(...items);
  }

  // The face as the model is shown it: a square of the picture, perhaps turned; mirrored as the person sees it.
  #drawFace(canvas, frame) {
    const context = canvas.getContext("2d");
    const scale = canvas.width / frame.side;
    context.save();
    context.fillStyle = "#808080";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.translate(canvas.width / 2, canvas.height / 2);
    if (this.moment.mirrored) context.scale(-1, 1);
    context.rotate((-frame.roll * Math.PI) / 180);
    context.scale(scale, scale);
    context.filter = "grayscale(1)";
    context.imageSmoothingQuality = "high";
    context.drawImage(this.moment.picture, -frame.x, -frame.y);
    context.restore();
  }

  #drawHeat() {
    const canvas = this.part("heat");
    canvas.width = canvas.height = SIDE;
    this.#drawFace(canvas, this.frame);
    const rows = this.map.length;
    const columns = this.map[0].length;
    const small = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const pixels = new ImageData(columns, rows);
    // A map's highest value is 1 whatever it explains: it shows as strong as what it explains is likely.
    const strength = (Number(this.part("heat-strength").value) / 100) * this.share;
    this.map.flat().forEach((value, index) => {
      pixels.data.set([...ramp(value), Math.round(255 * strength * (0.15 + 0.85 * value))], 4 * index);
    });
    small.getContext("2d").putImageData(pixels, 0, 0);
    const context = canvas.getContext("2d");
    context.save();
    context.imageSmoothingQuality = "high";
    if (this.moment.mirrored) {
      context.translate(SIDE, 0);
      context.scale(-1, 1);
    }
    context.drawImage(small, 0, 0, SIDE, SIDE);
    context.restore();
  }
}

function ramp(value) {
  const at = Math.min(0.9999, Math.max(0, value)) * (STOPS.length - 1);
  const [low, high] = [STOPS[Math.floor(at)], STOPS[Math.floor(at) + 1]];
  return low.map((channel, index) => Math.round(channel + (high[index] - channel) * (at % 1)));
}

function cover(canvas, half) {
  const { width, height } = canvas;
  const boxes = { upper: [0, 0, width, height / 2], lower: [0, height / 2, width, height / 2], left: [0, 0, width / 2, height], right: [width / 2, 0, width / 2, height] };
  if (half === null) return;
  const context = canvas.getContext("2d");
  context.fillStyle = "#808080";
  context.fillRect(...boxes[half]);
}
