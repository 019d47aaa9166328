// The table of runs, sweeps and studies.

import { get, post } from "./api.js";
import { announce, count, duration, el, fill, focusIfLost, message, moment, percent, select, statusBadge, when } from "./dom.js";
import { listen, refresh, store } from "./store.js";

const COLUMNS = [
  ["id", "Name", (entry) => entry.id],
  ["status", "Status", (entry) => entry.status],
  ["model", "Model", (entry) => entry.model ?? entry.kind, "wide"],
  ["data", "Data", (entry) => entry.data ?? "", "wide"],
  ["accuracy", "Accuracy", (entry) => entry.accuracy ?? -1, "num"],
  ["macro_f1", "Macro F1", (entry) => entry.macro_f1 ?? -1, "num wide"],
  ["epochs", "Epochs", (entry) => entry.epochs ?? entry.trials ?? -1, "num"],
  ["seconds", "Time", (entry) => entry.seconds ?? -1, "num wide"],
  ["started", "Started", (entry) => (entry.started ? when(entry.started).getTime() : 0), "wide"],
];

export class RunTable {
  /** `onOpen(name)`, `onChoose(names)`: the chosen runs changed. */
  constructor(node, { onOpen, onChoose }) {
    this.onOpen = onOpen;
    this.onChoose = onChoose;
    this.rows = new Map();
    this.chosen = new Set();
    this.sort = ["started", -1];
    this.filter = el("input.grow", { type: "search", placeholder: "Filter by name, model, data, note", "aria-label": "Filter runs", oninput: () => this.arrange() });
    this.status = select([["", "any status"], ...["running", "finished", "stopped", "failed", "broken"].map((each) => [each, each])], "", { "aria-label": "Status", onchange: () => this.arrange() });
    this.starred = el("input", { type: "checkbox", onchange: () => this.arrange() });
    this.inside = el("input", { type: "checkbox", onchange: () => this.arrange() });
    this.count = el("p.hint", { id: "run-count" });
    this.told = message();
    this.body = el("tbody");
    this.heads = COLUMNS.map(([key, title, , style]) =>
      el(`th${style ? `.${style.split(" ").join(".")}` : ""}`, { scope: "col" }, el("button.plain", { type: "button", onclick: () => this.sortBy(key) }, title)));
    fill(node,
      (this.title = el("h2", { id: "runs-title", tabindex: "-1" }, "Runs")),
      el("div.row", {}, this.filter, this.status, el("label", {}, this.starred, "starred"), el("label", {}, this.inside, "trials and runs of studies")),
      this.count, this.told.node,
      el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table of runs" },
        el("table.runs", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, el("span.quiet", {}, "Choose")), el("th", { scope: "col" }, el("span.quiet", {}, "Star")), this.heads)), this.body)));
    this.empty = el("div", { hidden: true }, el("p", {}, "No runs here yet. ", el("a", { href: "#train" }, "Train a first one"), ": the recipe quickstart needs no data and takes about a minute."));
    this.unshown = el("p.note", { hidden: true });
    node.append(this.empty, this.unshown);
    listen((changed) => this.take(changed));
  }

  sortBy(key) {
    this.sort = [key, this.sort[0] === key ? -this.sort[1] : key === "id" || key === "status" ? 1 : -1];
    this.arrange();
    announce(`Sorted by ${COLUMNS.find((column) => column[0] === key)[1]}, ${this.sort[1] > 0 ? "ascending" : "descending"}`);
  }

  take(changed) {
    this.tell(store.unshown);
    if (changed.size === 0 && this.arranged === store.complete) return;
    this.arranged = store.complete;
    const held = this.body.contains(document.activeElement);
    for (const name of changed) {
      const entry = store.entries.get(name);
      if (entry === undefined) {
        this.rows.get(name)?.node.remove();
        this.rows.delete(name);
        if (this.chosen.delete(name)) this.onChoose([...this.chosen]);
      } else if (this.rows.has(name)) this.patch(this.rows.get(name), entry);
      else this.rows.set(name, this.make(entry));
    }
    this.arrange();
    if (held) focusIfLost(this.title);
  }

  tell(unshown) {
    const text = `Runs that no page can name, rename them: ${unshown.slice(0, 5).join(", ")}${unshown.length > 5 ? ` and ${unshown.length - 5} more` : ""}.`;
    this.unshown.hidden = unshown.length === 0;
    if (this.unshown.textContent !== text) this.unshown.textContent = text;
  }

  make(entry) {
    const box = el("input", { type: "checkbox", "aria-label": `Choose ${entry.id}`, disabled: entry.kind !== "run", onchange: () => this.choose(entry.id, box.checked) });
    const star = el("button.plain", { type: "button", onclick: () => this.star(entry.id) });
    const name = el("button.plain.name", { type: "button", onclick: () => this.onOpen(entry.id) }, entry.id);
    const note = el("div.note");
    const cells = COLUMNS.slice(1).map(([, , , style]) => el(`td${style ? `.${style.split(" ").join(".")}` : ""}`));
    const row = { star, note, cells, box, node: el("tr", { "data-run": entry.id }, el("td", {}, box), el("td", {}, star), el("td", {}, name, note), cells) };
    this.patch(row, entry);
    return row;
  }

  patch(row, entry) {
    const mark = store.marks[entry.id] ?? {};
    const starred = Boolean(mark.star);
    row.star.textContent = starred ? "★" : "☆";
    row.star.setAttribute("aria-label", `Star ${entry.id}`);
    row.star.setAttribute("aria-pressed", String(starred));
    const notes = [mark.note, entry.status === "broken" || entry.status === "failed" ? entry.reason : null].filter(Boolean).join(" · ");
    if (row.note.textContent !== notes) row.note.textContent = notes;
    const [status, model, data, accuracy, f1, epochs, time, started] = row.cells;
    if (status.dataset.status !== entry.status) {
      status.dataset.status = entry.status;
      fill(status, statusBadge(entry.status));
    }
    status.title = entry.reason ?? "";
    const words = [
      [model, entry.model ?? entry.kind], [data, entry.data ?? "–"], [accuracy, percent(entry.accuracy)], [f1, percent(entry.macro_f1)],
      [epochs, entry.kind === "sweep" ? count(entry.trials, "trial") : entry.kind === "study" ? count(entry.runs?.length ?? 0, "run") : entry.planned ? `${entry.epochs} / ${entry.planned}` : String(entry.epochs ?? "–")],
      [time, duration(entry.seconds)], [started, moment(entry.started)],
    ];
    for (const [cell, text] of words) if (cell.textContent !== text) cell.textContent = text;
  }

  visible(entry) {
    if (entry.parent !== null && !this.inside.checked) return false;
    if (this.status.value && entry.status !== this.status.value) return false;
    const mark = store.marks[entry.id] ?? {};
    if (this.starred.checked && !mark.star) return false;
    const wanted = this.filter.value.trim().toLowerCase();
    if (!wanted) return true;
    const text = [entry.id, entry.model, entry.data, entry.kind, mark.note].join(" ").toLowerCase();
    return wanted.split(/\s+/).every((word) => text.includes(word));
  }

  arrange() {
    const [key, way] = this.sort;
    const value = COLUMNS.find((column) => column[0] === key)[2];
    const keyed = [...store.entries.values()].filter((entry) => this.visible(entry)).map((entry) => [value(entry), entry]);
    keyed.sort(([x, a], [y, b]) => (x < y ? -1 : x > y ? 1 : a.id < b.id ? -1 : 1) * way);
    const shown = keyed.map(([, entry]) => entry);
    this.heads.forEach((head, place) => {
      if (COLUMNS[place][0] === key) head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    const order = shown.map((entry) => entry.id).join("\n");
    if (order !== this.order) {
      this.order = order;
      const focused = document.activeElement;
      this.body.replaceChildren(...shown.map((entry) => this.rows.get(entry.id).node));
      if (this.body.contains(focused)) focused.focus({ preventScroll: true });
    }
    const total = store.entries.size;
    this.count.textContent = `${shown.length} of ${total} shown${store.complete ? "" : ", still reading"}`;
    this.empty.hidden = total > 0 || !store.complete;
  }

  choose(name, on) {
    if (on) this.chosen.add(name);
    else this.chosen.delete(name);
    this.rows.get(name)?.node.classList.toggle("chosen", on);
    this.onChoose([...this.chosen]);
  }

  /** Puts the focus on a run's name, or on the title where it is not shown. */
  focus(name = null) {
    const button = this.rows.get(name)?.node.querySelector("button.name");
    (button?.isConnected ? button : this.title).focus();
  }

  async star(name) {
    await this.told.during(async () => {
      await post("api/mark", { run: name, star: !store.marks[name]?.star });
      await refresh();
    });
  }
}

/** Reports about several runs. */
export function reportsPanel(open) {
  const told = message();
  const list = el("ul");
  const details = el("details", {}, el("summary", {}, "Reports about several runs"), told.node, list);
  const show = async () => {
    const { reports } = await get("api/reports");
    fill(list, reports.length === 0 ? el("li", {}, "None yet: choose runs, compare them, and report on them.") : reports.map((each) =>
      el("li", {}, el("button.plain.name", { type: "button", onclick: () => told.during(() => open({ report: each.name })) }, each.name), `, made ${moment(new Date(each.made * 1000))}`)));
  };
  details.addEventListener("toggle", () => details.open && told.during(show));
  return details;
}

/** The bin: what was deleted, and its way back. */
export function binPanel() {
  const told = message();
  const list = el("ul");
  const summary = el("summary", {}, "Bin");
  const details = el("details", {}, summary, told.node, list);
  const show = async () => {
    const { runs } = await get("api/bin");
    fill(list, runs.length === 0 ? el("li", {}, "The bin is empty.") : runs.map((each) =>
      el("li", {}, `${each.run}, deleted ${moment(each.deleted)} `, el("button", { type: "button", onclick: told.once(async () => {
        await post("api/restore", { id: each.id });
        await refresh();
        await show();
        focusIfLost(summary);
        announce(`${each.run} is back.`);
      }) }, "Restore", el("span.quiet", {}, ` ${each.run}`)))));
  };
  details.addEventListener("toggle", () => details.open && told.during(show));
  return { node: details, show: () => details.open && told.during(show) };
}
