// Line charts and parallel coordinates as SVG. Every chart says its last values in words too.

import { count, el, number, svg } from "./dom.js";

const WIDTH = 560;
const HEIGHT = 240;
const LEFT = 52;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 30;

/** The least and the most of some numbers; as arguments of one call, those of 20,000 epochs would be too many. */
const ends = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

function ticks(low, high, count = 5) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

/**
 * `series`: [{name, points: [[x, y], ...], colour: 0-7, dashed}]; points without a y are left out.
 * `format` writes a y.
 */
export function lineChart(title, series, { format = number, xLabel = "epoch", square = false, logarithmic = false } = {}) {
  const shown = series.map((each) => ({ ...each, points: each.points.filter(([, y]) => typeof y === "number" && Number.isFinite(y) && (!logarithmic || y > 0)) })).filter((each) => each.points.length > 0);
  const figure = el("figure.chart", {}, el("h3", {}, title));
  if (shown.length === 0) {
    figure.append(el("figcaption", {}, "Nothing yet."));
    return figure;
  }
  const height = square ? 420 : HEIGHT;
  const scaleY = (y) => (logarithmic ? Math.log10(y) : y);
  const xs = shown.flatMap((each) => each.points.map(([x]) => x));
  const ys = shown.flatMap((each) => each.points.map(([, y]) => scaleY(y)));
  let [left, right, low, high] = [...ends(xs), ...ends(ys)];
  if (square) [left, right, low, high] = [0, 1, 0, 1];
  if (left === right) right = left + 1;
  if (low === high) [low, high] = [low - Math.abs(low) * 0.1 - 1e-3, high + Math.abs(high) * 0.1 + 1e-3];
  const x = (value) => LEFT + ((value - left) / (right - left)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => height - BOTTOM - ((scaleY(value) - low) / (high - low)) * (height - TOP - BOTTOM);
  const words = shown.map((each) => `${each.name} ${format(each.points.at(-1)[1])}`).join(", ");
  // Its values are read along the axis: by the pointer, and by keys as those of a slider.
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, tabindex: 0, role: "slider", "aria-label": title, "aria-valuemin": left, "aria-valuemax": right });
  const marks = logarithmic ? ticks(low, high, 4).map((each) => 10 ** each) : ticks(low, high);
  for (const value of marks) {
    drawing.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    drawing.append(svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, format(value)));
  }
  for (const value of ticks(left, right, 6).filter((each) => square || Number.isInteger(each))) drawing.append(svg("text", { x: x(value), y: height - 12, "text-anchor": "middle" }, number(value)));
  drawing.append(svg("text", { x: WIDTH - RIGHT, y: height - 1, "text-anchor": "end" }, xLabel));
  for (const each of shown) {
    const colour = `s${each.colour % 8}${each.dashed ? " dashed" : ""}`;
    if (each.points.length === 1) drawing.append(svg("circle", { class: `dot ${colour}`, cx: x(each.points[0][0]), cy: y(each.points[0][1]), r: 4 }));
    const path = each.points.map(([px, py], place) => `${place === 0 ? "M" : "L"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
    drawing.append(svg("path", { class: `line ${colour}`, d: path, fill: "none" }));
  }
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
  drawing.append(cursor);
  // A curve over thresholds has no last value that says anything.
  const rest = square ? "" : `Last: ${words}`;
  const caption = el("figcaption", {});
  const say = (at, told, valueText = told) => {
    caption.textContent = told;
    for (const [name, value] of [["aria-valuenow", at], ["aria-valuetext", valueText]]) drawing.setAttribute(name, value);
  };
  const point = (at) => {
    const told = shown.map((each) => [each.name, square ? drawnAt(each.points, at) : each.points.find(([px]) => px === at)?.[1]]).filter(([, value]) => value !== undefined);
    cursor.setAttribute("visibility", "visible");
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(at));
    say(at, `${xLabel} ${number(at)}: ${told.map(([name, value]) => `${name} ${format(value)}`).join(", ") || "no curve reaches it"}`);
  };
  const stops = square ? [...Array(21).keys()].map((each) => each / 20) : [...new Set(xs)].sort((a, b) => a - b);
  let place = 0;
  const leave = () => {
    cursor.setAttribute("visibility", "hidden");
    place = stops.length - 1;
    delete drawing.dataset.place;
    say(stops[place], rest, square ? shown.map((each) => each.name).join(", ") : `last values: ${words}`);
  };
  leave();
  const goTo = (to) => {
    place = Math.min(stops.length - 1, Math.max(0, to));
    drawing.dataset.place = place;
    point(stops[place]);
  };
  // Drawn anew with more of it, it is read on from there.
  drawing.addEventListener("place", (event) => goTo(event.detail));
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const under = left + ((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT)) * (right - left);
    // Curves over thresholds are told where the pointer is; those of epochs at the nearest one, as far as they have come.
    const at = square ? Number(Math.min(1, Math.max(0, under)).toFixed(2)) : xs.reduce((a, b) => (Math.abs(b - under) < Math.abs(a - under) ? b : a));
    point(at);
  });
  drawing.addEventListener("keydown", (event) => {
    // With one of these it is the browser's, such as the way back.
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowRight: place + 1, ArrowUp: place + 1, ArrowLeft: place - 1, ArrowDown: place - 1, Home: 0, End: stops.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    goTo(to);
  });
  for (const kind of ["pointerleave", "blur"]) drawing.addEventListener(kind, leave);
  figure.append(drawing, legend(shown), caption);
  return figure;
}

/**
 * The height of a line at `at`, of an upright piece that of its upper end, which some threshold reaches; undefined where the
 * line does not come so far. `points` go from left to right.
 */
function drawnAt(points, at) {
  const there = points.filter(([px]) => px === at);
  if (there.length > 0) return Math.max(...there.map(([, py]) => py));
  const after = points.findIndex(([px]) => px >= at);
  if (after <= 0) return undefined;
  const [right, high] = points[after];
  const [left, low] = points[after - 1];
  return low + ((high - low) * (at - left)) / (right - left);
}

function legend(series) {
  return el("ul.legend", {}, series.map((each) => el("li", {}, svg("svg", { viewBox: "0 0 28 14", "aria-hidden": "true" }, svg("line", { class: `s${each.colour % 8}${each.dashed ? " dashed" : ""}`, x1: 1, x2: 27, y1: 7, y2: 7, "stroke-width": 3 })), each.name)));
}

/** The charts of one run or several: loss, accuracy, learning rate, speed. `runs`: [{name, epochs}]. */
export function trainingCharts(runs) {
  const several = runs.length > 1;
  const series = (keys) =>
    runs.flatMap((run, place) =>
      keys.map(([key, name], which) => ({
        name: several ? `${run.name}${keys.length > 1 ? `, ${name}` : ""}` : name,
        colour: several ? place : which,
        dashed: several && which > 0,
        points: run.epochs.map((epoch) => [epoch.epoch + 1, epoch[key]]),
      })),
    );
  const has = (key) => runs.some((run) => run.epochs.some((epoch) => typeof epoch[key] === "number"));
  const share = (value) => `${(100 * value).toFixed(1)} %`;
  // Training faces as they are come where a run judges them (callbacks=overfitting); train/loss is of faces as varied.
  const losses = [["valid/loss", "validation"], ["plain/loss", "plain training faces"], ["train/loss", "training, as varied"]].filter(([key]) => has(key));
  return [
    lineChart("Accuracy", series([["valid/accuracy", "validation"], ["plain/accuracy", "plain training faces"]].filter(([key]) => has(key))), { format: share }),
    // Of several runs two lines each: a third could not be told apart.
    lineChart("Loss", series(several ? losses.slice(0, 2) : losses), { format: number }),
    lineChart("Macro F1, validation", series([["valid/macro_f1", "macro F1"]]), { format: share }),
    lineChart("Learning rate", series([["lr", "rate"]]), { format: (value) => value.toExponential(1) }),
    lineChart("Images a second", series([["images_per_second", "speed"]]), { format: (value) => Math.round(value).toLocaleString("en") }),
  ];
}

/** `rows`: [{values: {axis: value}, score, name}]; one line a row over an axis for each setting. `lower`: a low score is a good one. */
export function parallelCoordinates(title, rows, axes, lower = false) {
  const scored = rows.filter((row) => typeof row.score === "number");
  if (scored.length === 0) return el("p.hint", {}, "No trial has ended with a score yet.");
  const names = [...axes, "score"];
  const width = Math.max(1000, names.length * 130);
  const height = 320;
  const place = (index) => 60 + (index * (width - 120)) / Math.max(1, names.length - 1);
  const scales = names.map((name) => {
    const values = scored.map((row) => (name === "score" ? row.score : row.values[name]));
    const numeric = values.every((value) => typeof value === "number");
    if (!numeric) {
      const options = [...new Set(values.map(number))].sort();
      return { labels: options.map((option, index) => [index / Math.max(1, options.length - 1), option]), at: (value) => options.indexOf(number(value)) / Math.max(1, options.length - 1) };
    }
    const positive = values.every((value) => value > 0);
    const [low, high] = ends(values);
    // All of them are the same: no other value stands beside the line.
    if (low === high) return { labels: [[0, number(low)]], at: () => 0 };
    // A learning rate is drawn over its powers of ten.
    const log = positive && high / low > 30;
    const to = log ? Math.log10 : (value) => value;
    const span = to(high) - to(low);
    const back = (share) => (log ? 10 ** (to(low) + share * span) : low + share * span);
    return { labels: [0, 0.5, 1].map((share) => [share, number(Number(back(share).toPrecision(3)))]), at: (value) => (to(value) - to(low)) / span };
  });
  const y = (share) => height - 34 - share * (height - 80);
  const good = (row) => (lower ? -row.score : row.score);
  const [, best] = ends(scored.map(good));
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${count(scored.length, "trial")}, best score ${number(lower ? -best : best)}` });
  for (const row of [...scored].sort((a, b) => good(a) - good(b))) {
    const points = names.map((name, index) => `${place(index).toFixed(1)} ${y(scales[index].at(name === "score" ? row.score : row.values[name])).toFixed(1)}`);
    const rank = scored.filter((other) => good(other) > good(row)).length / scored.length;
    drawing.append(svg("path", { class: `line ${good(row) === best ? "s1" : rank < 0.25 ? "s0" : "s7"}`, d: `M${points.join("L")}`, fill: "none" }, svg("title", {}, `${row.name}: ${number(row.score)}`)));
  }
  names.forEach((name, index) => {
    drawing.append(svg("line", { class: "grid", x1: place(index), x2: place(index), y1: y(0), y2: y(1) }));
    drawing.append(svg("text", { x: place(index), y: 18, "text-anchor": "middle" }, name.split(".").at(-1)));
    for (const [share, label] of scales[index].labels) drawing.append(svg("text", { x: place(index) + 5, y: y(share) + 4 }, label));
  });
  return el("figure.chart.parallel", {}, el("h3", {}, title), el("div.scroll", { tabindex: "0", role: "region", "aria-label": title }, drawing), el("figcaption", {}, "A line a trial. The best one stands out, then the best quarter."));
}
