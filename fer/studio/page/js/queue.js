// The jobs: what runs, what waits, what ended, with its output.

import { get, post } from "./api.js";
import { announce, count, duration, el, fill, message, putWords, redraw, select, statusBadge } from "./dom.js";
import { failure, isTold } from "./outcome.js";
import { openReport } from "./runview.js";
import { listen, OPEN, refresh, store } from "./store.js";

export function queue(node, { onOpenRun }) {
  const told = message();
  const list = el("div");
  const atOnce = select([...Array(Math.min(32, navigator.hardwareConcurrency || 4)).keys()].map((each) => [String(each + 1), String(each + 1)]), "1", {
    id: "at-once",
    onchange: () => told.during(async () => {
      await post("api/at_once", { count: Number(atOnce.value) });
      await refresh();
    }),
  });
  const old = el("details", {}, el("summary", {}, "Ended"), el("div"));
  fill(node, el("div.row", {}, el("label", { for: "at-once" }, "Trainings at a time"), atOnce), told.node, list, old);
  let drawn = "";
  let open = null;
  const unfolded = new Set();
  const outputs = new Map();
  const turns = new Map();
  const times = new Map();

  listen(() => {
    if (document.activeElement !== atOnce) atOnce.value = String(store.atOnce);
    const now = JSON.stringify(store.jobs.map((job) => [job.id, job.state, job.stopping, job.words]));
    if (now !== drawn) {
      drawn = now;
      times.clear();
      redraw(node, draw, atOnce);
    }
    for (const job of store.jobs) {
      if (times.has(job.id)) put(times.get(job.id), spent(job));
      // That the studio does not answer is told above, and the next state asks again.
      if (job.state === "running" && unfolded.has(job.id)) read(job).catch(() => {});
    }
  });

  function draw() {
    const before = open;
    open = store.jobs.filter((job) => OPEN.has(job.state));
    tellEnds(before ?? []);
    const there = new Set(store.jobs.map((job) => job.id));
    for (const id of outputs.keys()) if (!there.has(id)) outputs.delete(id);
    const ended = store.jobs.filter((job) => !OPEN.has(job.state)).sort((a, b) => (b.ended ?? 0) - (a.ended ?? 0));
    // What ended last stays in sight, so that its outcome is.
    const recent = ended.filter((job) => Date.now() / 1000 - (job.ended ?? 0) < 900).slice(0, 4);
    fill(list, open.length + recent.length === 0 ? el("p.hint", {}, "Nothing is at work.") : [...open, ...recent].map((job) => item(job)));
    fill(old.lastChild, ended.filter((job) => !recent.includes(job)).map((job) => item(job)));
    old.hidden = ended.length === recent.length;
  }

  /** What has ended since, for whoever does not see it here. */
  async function tellEnds(before) {
    const gone = before.map(({ id }) => store.jobs.find((job) => job.id === id && !OPEN.has(job.state))).filter(Boolean);
    const told = [];
    for (const job of gone.filter(({ id }) => !isTold(id))) {
      const wrong = await failure(job).catch(() => null);
      told.push(`${job.kind} of ${job.about.length > 3 ? count(job.about.length, "run") : job.about.join(", ")}: ${job.state}${wrong ? `, ${wrong}` : ""}`);
    }
    if (told.length > 0) announce(told.join("; "));
  }

  async function read(job) {
    const turn = (turns.get(job.id) ?? 0) + 1;
    turns.set(job.id, turn);
    const { output } = await get("api/job", { id: job.id });
    // A later question knows more, such as the end of what has ended meanwhile.
    if (turns.get(job.id) !== turn) return;
    putWords(outputs.get(job.id), output || "(nothing yet)");
  }

  function item(job) {
    const output = el("pre.output", { tabindex: "0", role: "region", "aria-label": `Output of ${job.kind} ${job.id}` }, outputs.get(job.id)?.textContent);
    outputs.set(job.id, output);
    const wrong = el("p.message.problem", { hidden: true });
    const more = el("details", { open: unfolded.has(job.id) }, el("summary", {}, "Command and output"), el("p.mono", {}, job.shown), output);
    more.addEventListener("toggle", () => {
      unfolded[more.open ? "add" : "delete"](job.id);
      if (more.open) told.during(() => read(job));
    });
    failure(job).then((words) => {
      wrong.textContent = words ?? "";
      wrong.hidden = words === null;
    }, () => {});
    const time = el("span.hint", {}, spent(job));
    times.set(job.id, time);
    const links = [];
    if (["train", "sweep", "study", "occlusion"].includes(job.kind)) links.push(el("button", { type: "button", onclick: () => onOpenRun(job.about[0], told) }, job.kind === "train" ? "Open run" : `Open ${job.kind === "sweep" ? "sweep" : "study"}`));
    if (job.kind === "report" && job.state === "finished") links.push(el("button", { type: "button", onclick: () => told.during(() => openReport(job.facts.report ? { report: job.facts.report } : { run: job.about[0] })) }, "Open report"));
    if (OPEN.has(job.state)) links.push(el("button", { type: "button", onclick: told.once(async () => {
      await post("api/stop", { id: job.id });
      await refresh();
    }) }, job.state === "waiting" ? "Take out" : "Stop"));
    return el("div.job", { "data-item": job.id, "data-kind": job.kind, "data-state": job.state },
      el("div.row", {}, statusBadge(job.state), el("strong.grow", {}, `${job.kind} · ${job.about.join(", ")}`), time, links),
      job.stopping ? el("p.hint", {}, "It was asked to stop, and saves first.") : null, wrong, more);
  }
}

const put = (node, text) => node.textContent !== text && (node.textContent = text);

/** How long a job took, or has taken so far; nothing where it waits, or nobody knows when it was lost. */
function spent({ state, started, ended }) {
  if (started === null || (ended === null && !OPEN.has(state))) return "";
  return duration((ended ?? Date.now() / 1000) - started);
}
