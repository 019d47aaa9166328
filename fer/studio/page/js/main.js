// The parts of the page, and which one is shown.

import { hasToken, post, takeToken, useToken } from "./api.js";
import { DataView } from "./data.js";
import { el, fill, focusIfLost, message, redraw } from "./dom.js";
import { LookView } from "./look.js";
import { queue } from "./queue.js";
import { binPanel, reportsPanel, RunTable } from "./runs.js";
import { Comparison, openBefore, openReport, RunView } from "./runview.js";
import { ShipView } from "./ship.js";
import { listen, refresh, start, store } from "./store.js";
import { TrainForm } from "./train.js";

const part = (id) => document.getElementById(id);
const VIEWS = ["runs", "train", "data", "look", "ship"];

takeToken("runs");

// --- runs -----------------------------------------------------------------------------------------------------------

const chosenBar = el("div.row", { hidden: true, role: "group", "aria-label": "Chosen runs" });
const chosenTold = message();
const runSection = el("section", { "aria-labelledby": "run-title", hidden: true });
const comparisonSection = el("section", { "aria-label": "Side by side", hidden: true });
const tableSection = el("section", { "aria-labelledby": "runs-title" });
const bin = binPanel();
fill(part("view-runs"), runSection, comparisonSection, tableSection);

const runView = new RunView(runSection, {
  onClose: (name) => runTable.focus(name),
  onGone: (name) => {
    chosenTold.say(`${name} is not here any more: it was moved, renamed or deleted.`);
    focusIfLost(runTable.title);
  },
  onRepeat: (name) => {
    go("train");
    train.repeat(name);
  },
  onLook: (names) => {
    go("look");
    look.choose(names);
  },
  onShip: (name) => {
    go("ship");
    ship.choose(name);
  },
  onTrial: (name) => openRun(name),
});
const comparison = new Comparison(comparisonSection, {
  onClose: () => {
    comparisonSection.hidden = true;
    runTable.focus();
  },
  onLook: (names) => {
    go("look");
    look.choose(names);
  },
});
const runTable = new RunTable(tableSection, { onOpen: openRun, onChoose: showChosen });
tableSection.append(chosenBar, chosenTold.node, reportsPanel(openReport), bin.node);

function openRun(name) {
  comparisonSection.hidden = true;
  go("runs");
  runView.open(name);
}

function showChosen(names) {
  const held = chosenBar.contains(document.activeElement);
  const button = (words, task) => el("button", { type: "button", onclick: chosenTold.once(task) }, words);
  redraw(chosenBar, () => fill(chosenBar, el("span", {}, `${names.length} chosen`),
    names.length > 1 ? button("Compare", () => {
      runView.close();
      return comparison.open(names);
    }) : null,
    button("Delete", async () => {
      await post("api/delete", { runs: names });
      await refresh();
      await bin.show();
      chosenTold.say(`${names.length === 1 ? `${names[0]} is` : `${names.length} runs are`} in the bin.`);
      runTable.focus();
    })));
  chosenBar.hidden = names.length === 0;
  if (held) focusIfLost(runTable.title);
}

// --- the other parts ------------------------------------------------------------------------------------------------

let awaited = null;
let before = openBefore();
const train = new TrainForm(part("view-train").appendChild(el("section")), { onStarted: (name) => (awaited = name) });
// Who has begun to fill in the next one is not led away from it.
part("view-train").addEventListener("input", () => (awaited = null));
const data = new DataView(part("view-data"), {
  onFolds: (name) => {
    go("train");
    train.choose("folds", { folds: name });
  },
});
const look = new LookView(part("view-look"));
const ship = new ShipView(part("view-ship"));
const shown = { train, data, look, ship };

queue(part("jobs"), {
  onOpenRun: (name, told) => (store.entries.has(name) ? openRun(name) : told.say(`${name} has not begun: it appears among the runs in a moment.`)),
});

function go(view) {
  if (location.hash !== `#${view}`) history.pushState(null, "", `#${view}`);
  route();
  // The button that led here may have stayed in the part that was left.
  const title = part(`view-${view}`).querySelector("h2");
  title.tabIndex = -1;
  focusIfLost(title);
}

function route() {
  const wished = location.hash.slice(1);
  // What names no part leads nowhere: whoever is in one stays there.
  const view = VIEWS.includes(wished) ? wished : wished === "" ? "runs" : current ?? "runs";
  if (wished !== "" && view !== wished) history.replaceState(null, "", `#${view}`);
  if (view !== current) shown[current]?.hide?.();
  current = view;
  for (const name of VIEWS) part(`view-${name}`).hidden = name !== view;
  for (const link of document.querySelectorAll("#tabs a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view[0].toUpperCase()}${view.slice(1)} · fer studio`;
  if (started) shown[view]?.show();
}

let started = false;
let current = null;
addEventListener("hashchange", () => {
  // The address that `fer-studio` printed, opened in the tab that shows the page already.
  if (takeToken(current)) refresh();
  route();
});
part("skip").addEventListener("click", (event) => {
  event.preventDefault();
  part("content").focus();
});

listen((changed) => {
  part("loading").hidden = true;
  part("root").textContent = `Runs in ${store.root}`;
  if (!part("token-form").hidden) {
    part("token-form").hidden = true;
    focusIfLost(part("content"));
  }
  tellToken("");
  if (!started) {
    started = true;
    route();
  }
  if (awaited !== null && store.entries.has(awaited)) {
    const name = awaited;
    awaited = null;
    // Where somebody has gone on to something else, they are left there.
    if (location.hash === "#train") openRun(name);
  }
  // The page was loaded anew: the run that was open is open again, unless somebody has begun something else by now.
  if (before !== null && (store.entries.has(before) || store.complete)) {
    const held = document.activeElement;
    const idle = runView.name === null && comparisonSection.hidden && (held === part("content") || !part("content").contains(held));
    if (idle && store.entries.has(before)) runView.open(before);
    before = null;
  }
  runView.changed(changed);
  comparison.changed(changed);
});

part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  tellToken("");
  useToken(part("token").value.trim());
  refresh();
});

function tellToken(words) {
  part("token-wrong").textContent = words;
  if (words) part("token").setAttribute("aria-invalid", "true");
  else part("token").removeAttribute("aria-invalid");
}

route();
start({
  onTrouble(words) {
    if (part("trouble").textContent !== (words ?? "")) part("trouble").textContent = words ?? "";
  },
  onToken() {
    part("loading").hidden = true;
    part("token-form").hidden = false;
    if (hasToken()) tellToken("That token is not the one of this studio. Each start of fer-studio makes a new one, unless FER_STUDIO_TOKEN sets it.");
    part("token").focus();
    part("token").select();
  },
});
