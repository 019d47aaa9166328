// The jobs: what runs, what waits, what ended, with its output.

import { get, post } from "./api.js";
import { duration, el, fill, message, select, statusBadge } from "./dom.js";
import { LOST, lastWords, OPEN } from "./outcome.js";
import { openReport } from "./runview.js";
import { listen, refresh, store } from "./store.js";

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

  listen(() => {
    if (document.activeElement !== atOnce) atOnce.value = String(store.atOnce);
    const now = JSON.stringify(store.jobs.map((job) => [job.id, job.state]));
    if (now === drawn) return;
    drawn = now;
    const open = store.jobs.filter((job) => OPEN.has(job.state));
    const ended = store.jobs.filter((job) => !OPEN.has(job.state)).sort((a, b) => (b.ended ?? 0) - (a.ended ?? 0));
    // What ended last stays in sight, so that its outcome is.
    const recent = ended.filter((job) => Date.now() / 1000 - (job.ended ?? 0) < 900).slice(0, 4);
    fill(list, open.length + recent.length === 0 ? el("p.hint", {}, "Nothing is at work.") : [...open, ...recent].map((job) => item(job)));
    fill(old.lastChild, ended.filter((job) => !recent.includes(job)).map((job) => item(job)));
    old.hidden = ended.length === recent.length;
  });

  function item(job) {
    const output = el("pre.output", { tabindex: "0", role: "region", "aria-label": `Output of ${job.kind} ${job.id}` });
    const wrong = el("p.message.problem", { hidden: true });
    const more = el("details", {}, el("summary", {}, "Command and output"), el("p.mono", {}, job.shown), output);
    const load = async () => {
      const found = await get("api/job", { id: job.id });
      output.textContent = found.output || "(nothing yet)";
    };
    more.addEventListener("toggle", () => more.open && told.during(load));
    if (job.state === "failed" && job.code > 128) {
      wrong.textContent = `Its process was ended by signal ${job.code - 128}${job.code === 137 ? ", as where memory runs out" : ""}. What was saved is whole; a training goes on from its run.`;
      wrong.hidden = false;
    } else if (job.state === "failed") {
      get("api/job", { id: job.id }).then((found) => {
        wrong.textContent = lastWords(found.output) || `it ended with status ${job.code}`;
        wrong.hidden = false;
      }, () => {});
    }
    if (job.state === "lost") {
      wrong.textContent = LOST;
      wrong.hidden = false;
    }
    const time = job.started === null ? null : duration((job.ended ?? Date.now() / 1000) - job.started);
    const links = [];
    if (["train", "sweep", "study", "occlusion"].includes(job.kind)) links.push(el("button", { type: "button", onclick: () => onOpenRun(job.about[0], told) }, job.kind === "train" ? "Open run" : `Open ${job.kind === "sweep" ? "sweep" : "study"}`));
    if (job.kind === "report" && job.state === "finished") links.push(el("button", { type: "button", onclick: () => told.during(() => openReport(job.facts.report ? { report: job.facts.report } : { run: job.about[0] })) }, "Open report"));
    if (OPEN.has(job.state)) links.push(el("button", { type: "button", onclick: () => told.during(async () => {
      await post("api/stop", { id: job.id });
      await refresh();
    }) }, job.state === "waiting" ? "Take out" : "Stop"));
    return el("div.job", { "data-kind": job.kind, "data-state": job.state },
      el("div.row", {}, statusBadge(job.state), el("strong.grow", {}, `${job.kind} · ${job.about.join(", ")}`), time ? el("span.hint", {}, time) : null, links),
      wrong, more);
  }
}
