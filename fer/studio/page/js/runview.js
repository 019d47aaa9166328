// One run, a sweep or a study, with its curves as they grow; several runs side by side.

import { get, keepInTab, ofTab, post } from "./api.js";
import { lineChart, parallelCoordinates, trainingCharts } from "./charts.js";
import { announce, commandLine, count, duration, el, EMOTIONS, fill, inTurn, labelsOf, message, newest, number, offer, percent, redraw, select, statusBadge, table } from "./dom.js";
import { isShown, tellReport } from "./outcome.js";
import { refresh, store } from "./store.js";

/** Opens a report in a new tab: the tab is made at once, so that no browser takes it for an advertisement. */
export async function openReport(question) {
  const tab = window.open("", "_blank");
  try {
    const { address } = await post("api/open", question);
    if (tab === null) location.assign(address);
    else {
      tab.opener = null;
      tab.location = new URL(address, location.href).href;
    }
  } catch (error) {
    tab?.close();
    throw error;
  }
}

const OPEN_RUN = "fer-studio-run";

/** The run that was open in this tab before it was loaded anew; null where none was. */
export const openBefore = () => ofTab(OPEN_RUN);

const STOPPING = "Asked to stop: it saves its checkpoint first.";
const GOING_ON = "It is in the queue below, and goes on in a moment or when its turn comes.";

export class RunView {
  /** `actions`: {onClose, onGone(name), onRepeat(name), onLook(names), onShip(name), onTrial(name)}. */
  constructor(node, actions) {
    this.node = node;
    this.actions = actions;
    this.name = null;
    this.told = message();
    // A run that grows is read again and again: what was said of a button stays to be read meanwhile.
    this.reading = message();
    this.show = inTurn(() => this.read());
  }

  async open(name) {
    const entry = store.entries.get(name);
    if (entry === undefined) {
      this.actions.onGone(name);
      return;
    }
    this.name = name;
    keepInTab(OPEN_RUN, name);
    this.node.hidden = false;
    this.title = el("h2", { tabindex: "-1", id: "run-title" }, name);
    this.charts = el("div.columns");
    this.state = el("p", { id: "run-state" });
    this.buttons = el("div.row");
    this.more = el("div");
    fill(this.node, this.title, this.state, this.buttons, this.told.node, this.reading.node, entry.kind === "run" ? this.note(name) : null, this.charts, this.more);
    this.told.clear();
    this.title.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "start" });
    await this.reading.during(() => this.show());
  }

  close() {
    this.name = null;
    keepInTab(OPEN_RUN, null);
    this.node.hidden = true;
  }

  async changed(names) {
    if (this.name === null) return;
    // A study shows the state of its runs.
    if (!names.has(this.name) && ![...names].some((each) => store.entries.get(each)?.parent === this.name)) return;
    if (!store.entries.has(this.name)) {
      const { name } = this;
      this.close();
      this.actions.onGone(name);
    }
    else await this.reading.during(() => this.show(), "", { again: true });
  }

  async read() {
    const name = this.name;
    const entry = store.entries.get(name);
    if (entry === undefined) return;
    this.actionsOf(entry);
    this.told.unsay(entry.status === "running" ? GOING_ON : STOPPING);
    if (entry.kind === "run") this.takeNote();
    if (entry.kind === "sweep") return this.sweep(entry);
    if (entry.kind === "study") return this.study(entry);
    const run = await get("api/run", { run: name });
    if (this.name !== name) return;
    const planned = entry.planned ? ` of ${entry.planned}` : "";
    const rest = run.rest_seconds === null ? null : `about ${duration(run.rest_seconds)} to go`;
    const words = [`epoch ${run.epochs.length}${planned}`, entry.accuracy === null ? null : `accuracy ${percent(entry.accuracy)}`, entry.macro_f1 === null ? null : `macro F1 ${percent(entry.macro_f1)}`, rest, run.early, run.reason].filter(Boolean);
    fill(this.state, statusBadge(run.status), ` ${words.join(" · ")}`);
    redraw(this.charts, () => fill(this.charts, trainingCharts([{ name, epochs: run.epochs }])), this.title);
    const open = [...this.more.querySelectorAll("details")].filter((each) => each.open).map((each) => each.dataset.part);
    const part = (key, title, content) => el("details", { "data-part": key, open: open.includes(key) }, el("summary", {}, title), content);
    redraw(this.more, () => fill(this.more,
      part("final", "Final numbers of the validation faces", Object.keys(run.final).length ? table(["number", "value"], Object.entries(run.final).map(([key, value]) => [key, number(value)]), { label: "Final numbers", narrow: true }) : el("p.hint", {}, "They come at the end.")),
      part("config", "Configuration", table(["key", "value"], Object.entries(run.config).map(([key, value]) => [key, number(value)]), { label: "Configuration" })),
      part("manifest", "Data, device, machine", table(["fact", "value"], Object.entries(run.manifest).map(([key, value]) => [key, number(value)]), { label: "Manifest" })),
      part("log", "Log", el("pre.output", { tabindex: "0", role: "region", "aria-label": "Log" }, run.log.map((line) => `${line.time.slice(11, 19)} ${line.level === "INFO" ? "" : `${line.level} `}${line.message}`).join("\n"))),
      run.command ? commandLine(run.command).node : null,
      el("p.hint", {}, run.folder)), this.title);
  }

  actionsOf(entry) {
    const button = (words, task, primary = false) => el(primary ? "button.primary" : "button", { type: "button", "data-action": words, onclick: this.told.once(task) }, words);
    const { name } = this;
    const list = [];
    if (entry.status === "running") list.push(button("Stop", async () => {
      await post("api/stop_run", { run: name });
      this.told.say(STOPPING);
    }));
    if (["stopped", "failed"].includes(entry.status)) list.push(button("Go on", async () => {
      await post("api/continue", { run: name });
      this.told.say(GOING_ON);
      await refresh();
    }, true));
    if (entry.kind === "run") {
      if (entry.status !== "broken") list.push(button("Repeat with a change", () => this.actions.onRepeat(name)));
    }
    if (entry.report) list.push(button("Open report", () => openReport({ run: name })));
    if (entry.checkpoint || entry.kind === "study") list.push(button(entry.report ? "Make the report again" : "Make a report", async () => {
      const job = await post("api/report", { runs: [name] });
      tellReport(job, this.told, "The report is being made; it is in the queue below.", () => this.name === name && isShown(this.node));
      await refresh();
    }));
    if (entry.checkpoint) {
      list.push(button("Look", () => this.actions.onLook([name])));
      list.push(button("Ship", () => this.actions.onShip(name)));
    }
    if (entry.status !== "running") list.push(button("Delete", async () => {
      await post("api/delete", { runs: [name] });
      this.close();
      await refresh();
      this.actions.onClose();
      announce(`${name} is in the bin.`);
    }));
    list.push(button("Close", () => {
      this.close();
      this.actions.onClose(name);
    }));
    const now = list.map((each) => each.textContent).join();
    // A button under somebody's finger stays where it is.
    if (this.buttons.dataset.now === now) return;
    this.buttons.dataset.now = now;
    redraw(this.buttons, () => fill(this.buttons, list), this.title);
  }

  note(name) {
    const area = el("textarea", { maxLength: 2000 });
    let kept = "";
    // One that was written in another tab is shown, where nobody is writing here.
    this.takeNote = () => {
      const note = store.marks[name]?.note ?? "";
      if (area.value === kept) area.value = note;
      kept = note;
    };
    this.takeNote();
    area.addEventListener("change", () => this.told.during(async () => {
      // As it is kept, so that what another tab writes after it is shown here.
      area.value = area.value.trim();
      await post("api/mark", { run: name, note: area.value });
      await refresh();
    }));
    return el("details", {}, el("summary", {}, "Note"), el("label", {}, el("span.quiet", {}, `Note on ${name}`), area));
  }

  async sweep(entry) {
    const { trials, lower, best } = await get("api/sweep", { sweep: entry.id });
    if (this.name !== entry.id) return;
    fill(this.state, statusBadge(entry.status), ` ${count(trials.length, "trial")}${entry.reason ? ` · ${entry.reason}` : ""}`);
    const axes = [...new Set(trials.flatMap((each) => Object.keys(each.params)))].filter((axis) => trials.every((each) => axis in each.params));
    fill(this.charts);
    const good = (each) => (each.score === null ? -Infinity : lower ? -each.score : each.score);
    const sorted = [...trials].sort((a, b) => good(b) - good(a));
    redraw(this.more, () => fill(this.more, parallelCoordinates("Trials", trials.map((each) => ({ values: each.params, score: each.score, name: `trial ${each.trial}` })), axes, lower),
      table(["trial", "score", "status", "time", ...axes], sorted.map((each) => [String(each.trial), number(each.score), each.status === "ok" ? "finished" : each.status, duration(each.seconds), ...axes.map((axis) => number(each.params[axis]))]), { label: "Table of trials", whole: true }),
      best ? commandLine(`fer-train @${best}`).node : null), this.title);
  }

  study(entry) {
    fill(this.state, statusBadge(entry.status), ` study of ${entry.study ?? "runs"} · ${entry.runs?.length ?? 0} of ${count(entry.planned ?? "?", "run")}${entry.reason ? ` · ${entry.reason}` : ""}`);
    fill(this.charts);
    const inside = [...store.entries.values()].filter((each) => each.parent === entry.id);
    redraw(this.more, () => fill(this.more, table(["run", "status", "accuracy", "macro F1"], inside.map((each) => [el("button.plain.name", { type: "button", onclick: () => this.actions.onTrial(each.id) }, each.id), statusBadge(each.status), percent(each.accuracy), percent(each.macro_f1)]), { label: "Runs of the study" })), this.title);
  }
}

/** Runs side by side: more have no colours of their own. */
const SHOWN = 6;

export class Comparison {
  constructor(node, { onLook, onClose }) {
    this.node = node;
    this.names = [];
    this.told = message();
    this.reading = message();
    this.asked = newest();
    this.show = inTurn(() => this.read());
    this.charts = el("div.columns");
    this.rows = el("div");
    this.scores = el("div.columns");
    this.label = select(EMOTIONS.map((each) => [each, each]), "happy", { id: "curve-label", onchange: () => this.told.during(() => this.scoreCurves()) });
    this.title = el("h2", { tabindex: "-1" }, "Side by side");
    this.name = el("input", { type: "text", placeholder: "name of the report", "aria-label": "Name of the report" });
    fill(node, this.title,
      el("div.row", {},
        this.name,
        el("button", { type: "button", onclick: this.told.once(() => this.report()) }, "Report on these"),
        el("button", { type: "button", onclick: () => onLook(this.names) }, "Look with these"),
        el("button", { type: "button", onclick: () => onClose() }, "Close")),
      this.told.node, this.reading.node, this.charts,
      el("h3", {}, "Settings that differ"), this.rows,
      el("h3", {}, "ROC and precision-recall curves, validation faces"),
      el("div.row", {}, el("label", { for: "curve-label" }, "of"), this.label, el("button", { type: "button", onclick: () => this.told.during(() => this.scoreCurves(), "Reading the predictions…") }, "Draw")),
      this.scores);
  }

  async open(names) {
    this.all = names;
    this.names = names.slice(0, SHOWN);
    this.node.hidden = false;
    offer(this.label, labelsOf(this.names.map((name) => store.entries.get(name))).map((each) => [each, each]));
    this.asked();
    fill(this.scores);
    this.title.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "start" });
    this.told.clear();
    if (names.length > SHOWN) this.told.say(`The first ${SHOWN} of ${names.length} are shown; a report is about all of them.`);
    await this.reading.during(() => this.show());
  }

  async changed(names) {
    if (!this.node.hidden && this.names.some((name) => names.has(name))) await this.reading.during(() => this.show(), "", { again: true });
  }

  async read() {
    const here = this.names.filter((name) => store.entries.has(name));
    const [found, { rows }] = await Promise.all([get("api/curves", { run: here }), get("api/differences", { run: here })]);
    redraw(this.charts, () => fill(this.charts, trainingCharts(here.map((name) => ({ name, epochs: found[name].epochs })))), this.title);
    const final = ["accuracy", "macro_f1"].map((key) => [key, ...here.map((name) => percent(store.entries.get(name)?.[key]))]);
    redraw(this.rows, () => fill(this.rows, table(["key", ...here], [...final, ...rows.map((row) => [row.key, ...row.values.map(number)])], { label: "Settings that differ" })), this.title);
  }

  async scoreCurves() {
    const label = this.label.value;
    const stands = this.asked();
    const found = await post("api/score_curves", { runs: this.names, label });
    if (!stands()) return;
    announce(`Curves of ${label} are drawn.`);
    const names = Object.keys(found);
    const share = (value) => `${(100 * value).toFixed(0)} %`;
    fill(this.scores,
      lineChart(`ROC: ${label}`, names.map((name, place) => ({ name: `${name} (area ${found[name].area.toFixed(3)})`, colour: place, points: found[name].roc })), { square: true, xLabel: "false positive rate", format: share }),
      lineChart(`Precision over recall: ${label}`, names.map((name, place) => ({ name: `${name} (AP ${found[name].average_precision.toFixed(3)})`, colour: place, points: found[name].pr })), { square: true, xLabel: "recall", format: share }));
  }

  async report() {
    const name = this.name.value.trim();
    const { all } = this;
    const job = await post("api/report", { runs: all.filter((each) => store.entries.has(each)), ...(name ? { name } : {}) });
    tellReport(job, this.told, "The report is being made; it is in the queue below, and opens from there.", () => this.all === all && isShown(this.node));
    await refresh();
  }
}
