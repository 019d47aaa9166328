// A face as a drawing: whose it is comes from a number, what it shows from action units.

const SPACE = "http://www.w3.org/2000/svg";
const SKINS = ["#f2d3bd", "#e3b48f", "#c98f64", "#a06a43", "#73482b", "#f7dfcf"];
const HAIRS = ["#2b1c14", "#5a3a22", "#8d6236", "#1a1a1d", "#9a9a9a", "#a8552c"];
const EYES = ["#4a3323", "#3d6a8a", "#4f7350", "#6b5233"];

function element(name, attributes, ...children) {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Mulberry32 by Tommy Ettinger: a small generator that gives the same person for the same number.
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function person(seed) {
  const roll = dice(seed);
  const of = (list) => list[Math.floor(roll() * list.length)];
  return { skin: of(SKINS), hair: of(HAIRS), iris: of(EYES), wide: 56 + 10 * roll(), brow: 3.6 + 2.4 * roll(), lips: 5 + 3 * roll(), long: roll() < 0.5, apart: 34 + 4 * roll() };
}

/**
 * An <svg> of a face, 200 x 260. `units`: {AU: activation}, `strength`: what they are multiplied by; `seed`: whose face.
 * Its parts have the classes brows, eyes, nose and mouth.
 */
export function drawFace({ units, strength = 1, seed = 1 }) {
  const who = person(seed);
  const au = (number) => (units[number] ?? 0) * strength;
  const chin = 206 + 12 * au(26);
  const svg = element("svg", { viewBox: "0 0 200 260", "aria-hidden": "true", focusable: "false" });
  svg.append(...head(who, chin));
  for (const side of [-1, 1]) {
    svg.append(eye(who, au, side));
    svg.append(brow(who, au, side));
  }
  svg.append(nose(au), mouth(who, au), chinLines(au, chin));
  return svg;
}

const LINE = { fill: "none", stroke: "#3a2418", "stroke-width": 2, "stroke-linecap": "round" };

function head(who, chin) {
  const { wide, hair, skin, long } = who;
  const [left, right] = [100 - wide, 100 + wide];
  const shape = `M${left} 110 C${left} 40 ${right} 40 ${right} 110 C${right} ${chin - 50} ${100 + wide * 0.55} ${chin} 100 ${chin} C${100 - wide * 0.55} ${chin} ${left} ${chin - 50} ${left} 110 Z`;
  const back = long ? `M${left - 12} 230 C${left - 22} 20 ${right + 22} 20 ${right + 12} 230 Z` : `M${left - 6} 120 C${left - 14} 18 ${right + 14} 18 ${right + 6} 120 Z`;
  const fringe = `M${left} 106 C${left - 4} 30 ${right + 4} 30 ${right} 106 C${right - 6} 70 ${100 + wide * 0.4} 62 100 62 C${100 - wide * 0.4} 62 ${left + 6} 70 ${left} 106 Z`;
  return [
    element("path", { d: back, fill: hair }),
    element("path", { d: `M78 ${chin - 20} L74 258 L126 258 L122 ${chin - 20} Z`, fill: skin, stroke: "#3a2418", "stroke-opacity": 0.25 }),
    element("ellipse", { cx: left, cy: 122, rx: 7, ry: 13, fill: skin }),
    element("ellipse", { cx: right, cy: 122, rx: 7, ry: 13, fill: skin }),
    element("path", { d: shape, fill: skin, stroke: "#3a2418", "stroke-opacity": 0.5, "stroke-width": 1.5 }),
    element("path", { d: fringe, fill: hair }),
  ];
}

function brow(who, au, side) {
  const at = (x, y) => `${100 + side * x} ${y}`;
  const together = 4 * au(4);
  const inner = [16 - together, 97 - 15 * au(1) + 9 * au(4)];
  const middle = [who.apart, 90 - 9 * au(2) - 4 * au(1) + 5 * au(4)];
  const outer = [who.apart + 17, 98 - 10 * au(2) + 2 * au(4)];
  const lines = element("path", { ...LINE, d: `M${at(4, 92)} q${side * -1} 7 0 13`, "stroke-width": 1.6, opacity: Math.min(1, au(4)) });
  const forehead = element("path", { ...LINE, d: `M${at(10, 76)} q${side * 16} -5 ${side * 30} 0`, "stroke-width": 1.4, opacity: 0.7 * Math.min(1, Math.min(au(1), 0.3 + au(2))) });
  return element("g", { class: "brows" }, element("path", { d: `M${at(...inner)} Q${at(...middle)} ${at(...outer)}`, fill: "none", stroke: who.hair, "stroke-width": who.brow, "stroke-linecap": "round" }), lines, forehead);
}

function eye(who, au, side) {
  const centre = 100 + side * who.apart;
  const y = 116;
  const up = Math.max(1, 8 + 5.5 * au(5) - 2.5 * au(7) - 2 * au(6) - 14 * au(43));
  const low = Math.max(0.5, 6 + 1.5 * au(5) - 3 * au(7) - 3.5 * au(6));
  // The curve of a lid reaches half as far as its control point.
  const shape = `M${centre - 15} ${y} Q${centre} ${y - 2 * up} ${centre + 15} ${y} Q${centre} ${y + 2 * low} ${centre - 15} ${y} Z`;
  const clip = `eye-${side}-${Math.random().toString(36).slice(2)}`;
  const ball = element("g", { "clip-path": `url(#${clip})` }, element("circle", { cx: centre, cy: y, r: 7.5, fill: who.iris }), element("circle", { cx: centre, cy: y, r: 3.4, fill: "#111" }), element("circle", { cx: centre + 2.4, cy: y - 2.6, r: 1.6, fill: "#fff" }));
  const cheek = element("path", { ...LINE, d: `M${centre - 13} ${y + 13} Q${centre} ${y + 19} ${centre + 13} ${y + 13}`, opacity: 0.8 * Math.min(1, au(6)) });
  const crow = element("path", { ...LINE, d: `M${centre + side * 19} ${y - 2} l${side * 8} -5 M${centre + side * 19} ${y + 2} l${side * 9} 1 M${centre + side * 18} ${y + 6} l${side * 7} 6`, "stroke-width": 1.4, opacity: Math.min(1, au(6)) });
  const tight = element("path", { ...LINE, d: `M${centre - 12} ${y + 8} Q${centre} ${y + 11} ${centre + 12} ${y + 8}`, "stroke-width": 1.3, opacity: 0.8 * Math.min(1, au(7)) });
  const lid = element("path", { ...LINE, d: `M${centre - 15} ${y} Q${centre} ${y - 2 * up} ${centre + 15} ${y}`, "stroke-width": 2.6 });
  return element("g", { class: "eyes" }, element("clipPath", { id: clip }, element("path", { d: shape })), element("path", { d: shape, fill: "#fdfdfb", stroke: "#3a2418", "stroke-width": 1 }), ball, lid, cheek, crow, tight);
}

function nose(au) {
  const lift = 3 * au(9) + 1.5 * au(10);
  const wings = element("path", { ...LINE, d: `M90 ${153 - lift} q-6 -2 -4 -9 M110 ${153 - lift} q6 -2 4 -9 M92 ${154 - lift} q8 5 16 0` });
  const bridge = element("path", { ...LINE, d: "M97 118 q-4 16 -6 24", "stroke-opacity": 0.35 });
  const wrinkles = element("path", { ...LINE, d: "M90 118 q10 -5 20 0 M91 125 q9 -4 18 0 M88 132 l-6 4 M112 132 l6 4", opacity: Math.min(1, au(9)) });
  const folds = element("path", { ...LINE, d: "M84 150 q-12 8 -15 22 M116 150 q12 8 15 22", "stroke-width": 1.7, opacity: 0.75 * Math.min(1, Math.max(au(9), au(10), au(12))) });
  return element("g", { class: "nose" }, bridge, wings, wrinkles, folds);
}

function mouth(who, au) {
  const half = 24 + 9 * au(12) + 9 * au(20) - 7 * au(23) - 3 * au(26);
  const y = 176;
  const corner = y - 10 * au(12) + 9 * au(15);
  const press = 1 - 0.65 * Math.min(1, au(23));
  const upper = y - 3 * au(25) - 5 * au(10) - 3 * au(26) + 2 * au(12);
  const lower = y + 6 * au(25) + 5 * au(16) + 24 * au(26) - 3 * au(17) + 5 * au(12);
  const thick = who.lips * press;
  const [left, right] = [100 - half, 100 + half];
  // A quadratic curve reaches half way to its control point, a cubic one three quarters; the lower one is the rounder.
  const via = (height) => 2 * height - corner;
  const round = (height) => `C${100 + 0.72 * half} ${corner + ((height - corner) * 4) / 3} ${100 - 0.72 * half} ${corner + ((height - corner) * 4) / 3} ${left} ${corner}`;
  const floor = Math.max(lower, upper);
  const inside = `M${left} ${corner} Q100 ${via(upper)} ${right} ${corner} ${round(floor)} Z`;
  const crest = upper - 0.9 * thick;
  const top = `M${left} ${corner} Q${100 - half / 2.4} ${(corner + crest) / 2 - 1.6 * thick} 100 ${crest} Q${100 + half / 2.4} ${(corner + crest) / 2 - 1.6 * thick} ${right} ${corner} Q100 ${via(upper)} ${left} ${corner} Z`;
  const rim = floor + 1.15 * thick;
  const under = `M${left} ${corner} C${100 - 0.72 * half} ${corner + ((floor - corner) * 4) / 3} ${100 + 0.72 * half} ${corner + ((floor - corner) * 4) / 3} ${right} ${corner} ${round(rim)} Z`;
  const clip = `mouth-${Math.random().toString(36).slice(2)}`;
  const bite = Math.min(8, 0.6 * (lower - upper));
  const teeth = element("path", { d: `M${left} ${corner} Q100 ${via(upper)} ${right} ${corner} Q100 ${via(upper + bite)} ${left} ${corner} Z`, fill: "#fff", "clip-path": `url(#${clip})`, opacity: lower - upper > 3 ? 1 : 0 });
  const lip = { fill: "#b0584f", stroke: "#3a2418", "stroke-width": 1, "stroke-opacity": 0.6 };
  return element(
    "g",
    { class: "mouth" },
    element("clipPath", { id: clip }, element("path", { d: inside })),
    element("path", { d: inside, fill: "#4a1216", stroke: "#3a2418", "stroke-width": 1.6 }),
    teeth,
    element("path", { d: top, ...lip }),
    element("path", { d: under, ...lip }),
  );
}

function chinLines(au, chin) {
  return element("path", { ...LINE, class: "mouth", d: `M88 ${chin - 12} q12 -7 24 0 M94 ${chin - 7} h3 M103 ${chin - 8} h3`, "stroke-width": 1.6, opacity: Math.min(1, 1.6 * au(17)) });
}

const SPOTS = { brows: [100, 92, 58, 20], eyes: [100, 117, 60, 20], nose: [100, 136, 26, 26], mouth: [100, 180, 46, 30] };

/** Rings around the regions that are named. */
export function ring(svg, regions) {
  for (const old of svg.querySelectorAll(".ring")) old.remove();
  for (const region of regions) {
    const [cx, cy, rx, ry] = SPOTS[region];
    for (const [stroke, width] of [["#ffffff", 5], ["#0059a3", 2.5]]) svg.append(element("ellipse", { class: "ring", cx, cy, rx, ry, fill: "none", stroke, "stroke-width": width, "stroke-dasharray": "7 5" }));
  }
}
