// A data set in pictures: what fer-data says of it, a sheet of faces, and faces as the net will see them.

import { get, post } from "./api.js";
import { announce, commandLine, count, duration, el, faceImage, fill, message, newest, number, offer, percent, quoted, redraw, select, sheet, table, when } from "./dom.js";
import { keepDraft, readDraft } from "./drafts.js";
import { listen, refresh, runs, store } from "./store.js";

const SOURCES = [["synthetic", "synthetic faces: no data needed"], ["fer2013", "FER-2013, in any copy"], ["folder", "a folder or zip with a folder for each class, or a CSV with a face a row"], ["affectnet", "AffectNet"], ["ckplus", "CK+"], ["rafdb", "RAF-DB"]];
const PICTURES = { "class_balance.png": "Images of every class", "findings.png": "Copies, contradictory labels, blanks: examples", "preview.png": "Faces of every class, drawn at random" };
// The latest ones; folds of long ago are left out.
const FOLDS = 60;
const SPLIT = /^(Training|PublicTest|PrivateTest|Test)$/;

export class DataView {
  /** `actions.onFolds(run)`: all folds of a training with that run's settings, or others (null), are wanted. */
  constructor(node, actions) {
    this.told = message();
    this.opened = newest();
    this.drawn = newest();
    this.source = select(SOURCES, "synthetic", { id: "data-source", onchange: () => this.adapt() });
    this.path = el("input.grow", { id: "data-path", type: "text", placeholder: "path of the zip, folder, CSV or parquet files", autocomplete: "off", spellcheck: false });
    this.settings = el("input.grow", { id: "data-settings", type: "text", placeholder: "contempt=drop size=96", autocomplete: "off", spellcheck: false });
    this.pathRow = el("div.row", {}, el("label", { for: "data-path" }, "Path"), this.path);
    this.earlier = el("div");
    this.result = el("div", { id: "data-result" });
    this.sheetTold = message();
    this.sheet = el("div");
    this.overrides = el("input.grow", { id: "sheet-overrides", type: "text", value: "augment=default", autocomplete: "off", spellcheck: false });
    this.suspectsTold = message();
    this.folds = el("div");
    this.cost = el("p", { id: "folds-cost" });
    this.base = select([["", "settings of my own"]], "", { id: "folds-base", onchange: () => this.tellCost() });
    this.found = el("div", { id: "suspects-found" });
    fill(node,
      el("section", { "aria-labelledby": "data-title" }, el("h2", { id: "data-title" }, "Data"),
        el("form", { onsubmit: (event) => this.examine(event) },
          el("div.row", {}, el("label", { for: "data-source" }, "What it is"), this.source),
          this.pathRow,
          el("details", {}, el("summary", {}, "Settings of the source"), el("div.row", {}, el("label", { for: "data-settings" }, "KEY=VALUE, with spaces between"), this.settings)),
          el("div.row", {}, el("button.primary", { type: "submit" }, "Look at it"))),
        this.told.node, this.earlier, this.result),
      el("section", { "aria-labelledby": "sheet-title" }, el("h2", { id: "sheet-title" }, "Faces as the net sees them"),
        el("p.hint", {}, "Training faces of the data set above, varied as a training with these settings would vary them."),
        el("form", { onsubmit: (event) => this.draw(event) }, el("div.row", {}, el("label", { for: "sheet-overrides" }, "Settings"), this.overrides, el("button", { type: "submit" }, "Draw"))),
        this.sheetTold.node, this.sheet),
      el("section", { "aria-labelledby": "suspects-title" }, el("h2", { id: "suspects-title" }, "Suspect labels"),
        el("p.hint", {}, "Labels that models which did not train on them speak against (confident learning). It is the models' opinion: no label is changed. Each fold of the training faces is held out once, so it costs one training a fold."),
        el("div.row", {}, el("label", { for: "folds-base" }, "Train the folds with the settings of"), this.base, el("button", { type: "button", onclick: () => actions.onFolds(this.base.value || null) }, "Prepare the folds")),
        this.cost, this.folds, this.suspectsTold.node, this.found));
    this.seed = 0;
    this.fields = [this.source, this.path, this.settings, this.overrides];
    for (const each of this.fields) each.addEventListener("input", () => keepDraft("data", this.fields.map((field) => field.value)));
    this.adapt();
    listen((changed) => this.take(changed));
  }

  /** What was typed here before is there again. */
  goOn() {
    if (this.wentOn) return;
    this.wentOn = true;
    const draft = readDraft("data");
    if (!Array.isArray(draft) || draft.length !== this.fields.length || !SOURCES.some(([name]) => name === draft[0])) return;
    this.fields.forEach((field, place) => (field.value = draft[place]));
    // No setting is sent that nobody sees.
    this.settings.closest("details").open = this.settings.value !== "";
    this.adapt();
  }

  async show() {
    this.goOn();
    await this.told.during(async () => {
      const { looks } = await get("api/looks");
      fill(this.earlier, looks.length === 0 ? null : el("div.row", {}, "Looked at before:", looks.slice(0, 8).map((each) => el("button", { type: "button", onclick: () => this.told.during(() => this.open(each.look)) }, each.dataset.replace(/\/+$/, "").split("/").at(-1) || each.dataset))));
    });
  }

  tellCost() {
    const run = store.entries.get(this.base.value);
    fill(this.cost, run?.seconds && run.epochs && run.planned ? `About ${duration((4 * run.planned * run.seconds) / run.epochs)} for five folds: five trainings of up to ${count(run.planned, "epoch")}, each on four fifths of the faces, at the pace of ${run.id}.` : "The form tells what it will cost before anything starts.");
  }

  adapt() {
    this.pathRow.hidden = this.source.value === "synthetic";
  }

  question() {
    const source = this.source.value;
    const settings = this.settings.value.trim() ? this.settings.value.trim().split(/\s+/) : [];
    const path = this.path.value.trim();
    // Without a path, the data lie where the source's name alone finds them.
    return { dataset: source === "synthetic" ? "synthetic" : path || source, source: source === "synthetic" ? "fer2013" : source, settings };
  }

  async examine(event) {
    event.preventDefault();
    await this.told.during(async () => {
      const { look, jobs } = await post("api/data", this.question());
      this.waiting = { look, jobs };
      this.opened();
      fill(this.result, el("p.hint", {}, "fer-data is reading it; large sets take a minute the first time."));
      await refresh();
    });
  }

  take() {
    this.drawFolds();
    this.drawFound();
    if (!this.waiting) return;
    const jobs = store.jobs.filter((job) => this.waiting.jobs.includes(job.id));
    if (jobs.length === 0 || jobs.some((job) => ["waiting", "running"].includes(job.state))) return;
    const { look } = this.waiting;
    this.waiting = null;
    const failed = jobs.find((job) => job.state !== "finished");
    this.told.during(async () => {
      // Where nothing was read this time, what an earlier look found is not shown for it.
      if (failed?.kind === "audit") fill(this.result);
      else await this.open(look);
      if (!failed) return;
      const { output } = await get("api/job", { id: failed.id });
      throw new Error(output.trim().split("\n").filter((line) => line.startsWith("error:")).at(-1) ?? `fer-data ended with status ${failed.code}`);
    });
  }

  async open(look) {
    const stands = this.opened();
    const found = await get("api/look", { look });
    const pictures = await Promise.all(found.pictures.map(async (name) => el("figure", {}, el("h3", {}, PICTURES[name]), sheet(await get("api/look/picture", { look, name }, { blob: true }), PICTURES[name]))));
    if (!stands()) return;
    announce(`${found.audit?.source ?? found.dataset}: it is read.`);
    fill(this.result, el("h3", {}, found.audit?.source ?? found.dataset), found.audit ? audit(found.audit) : null, pictures);
  }

  async draw(event) {
    event.preventDefault();
    const { dataset, source } = this.question();
    const settings = this.overrides.value.trim() ? this.overrides.value.trim().split(/\s+/) : [];
    const named = dataset === "synthetic" ? ["data=synthetic", "data.train=350", "data.public=70", "data.private=70"] : [`data=${source}`, ...(dataset === source ? [] : [`data.root=${quoted(dataset)}`])];
    await this.sheetTold.during(async () => {
      const stands = this.drawn();
      const found = await post("api/augmented", { overrides: [...named, ...settings], seed: this.seed });
      this.seed += 1;
      if (!stands()) return;
      const image = faceImage(found.sheet, `Training faces of ${found.source}: ${found.words}`);
      image.className = "sheet pixels";
      fill(this.sheet, image, el("p.hint", {}, found.words));
      announce(found.words);
    }, "Drawing…");
  }

  drawFolds() {
    const finished = runs().filter((entry) => entry.status === "finished" && entry.data).sort((a, b) => when(b.started ?? 0) - when(a.started ?? 0));
    offer(this.base, [["", "my own choice"], ...finished.filter((entry) => entry.fold === null).map((entry) => [entry.id, entry.id])]);
    this.tellCost();
    const folds = finished.filter((entry) => entry.fold !== null);
    const now = folds.map((entry) => entry.id).join();
    if (now === this.foldsDrawn) return;
    this.foldsDrawn = now;
    const chosen = new Set([...this.folds.querySelectorAll("input:checked")].map((box) => box.value));
    const open = this.folds.querySelector("details")?.open ?? false;
    const boxes = folds.slice(0, FOLDS).map((entry) => el("label", { "data-item": entry.id }, el("input", { type: "checkbox", value: entry.id, checked: chosen.has(entry.id) }), entry.id));
    redraw(this.folds, () => fill(this.folds, folds.length < 2 ? null : el("details", { open }, el("summary", {}, "Folds that are trained already"), el("div.row", {}, boxes), el("button", { type: "button", onclick: this.suspectsTold.once(async () => {
      await post("api/suspects", { runs: [...this.folds.querySelectorAll("input:checked")].map((box) => box.value) });
      this.suspectsTold.say("At work; what is found appears here.");
      await refresh();
    }) }, "Find suspects"))));
  }

  /** Offers the latest list of suspects. */
  drawFound() {
    const job = store.jobs.filter((each) => each.kind === "suspects" && each.state === "finished").at(-1);
    if (!job || this.foundId === job.id || !store.entries.has(job.about[0])) return;
    this.foundId = job.id;
    fill(this.found, el("button", { type: "button", onclick: () => this.suspectsTold.during(() => this.showFound(job), "Reading the list…") }, `Show the suspects of ${job.about[0].split("/")[0]}`));
  }

  async showFound(job) {
    const told = await post("api/suspect_faces", { id: job.id });
    const title = el("h3", { tabindex: "-1" }, `Suspect labels: ${told.found ? `${told.count} of ${count(told.found.faces, "training face")}` : count(told.count, "training face")}`);
    const share = told.found?.estimated_share_wrong?.all;
    fill(this.found, title,
      el("p", {}, `${job.about.join(", ")}.`, share ? ` Estimated share of wrong labels: ${percent(share.value)} (95 % interval ${percent(share.low)} to ${percent(share.high)}).` : ""),
      told.note ? el("p.hint", {}, told.note) : null,
      el("ul.faces", {}, told.faces.map((each) => el("li", {}, each.face ? faceImage(each.face, `A face labelled ${each.label}`) : null, el("p", {}, `labelled ${each.label} (${percent(Number(each.probability), 0)}), taken for ${each.suggested}`)))),
      el("p.hint", {}, "The least believed labels come first. To train without these faces, add this to a training:"), commandLine(`data.leave_out=${quoted(told.file)}`).node);
    // The button that was pressed is gone.
    title.focus({ preventScroll: true });
  }
}

/** The audit as fer-data has it: counts by class, and what was found. */
function audit(found) {
  const splits = Object.keys(found.counts).filter((name) => SPLIT.test(name));
  const labels = Object.keys(found.counts[splits[0]] ?? {});
  const rows = labels.map((label) => [label, ...splits.map((split) => number(found.counts[split][label]))]);
  const total = (name) => (typeof found[name] === "object" && found[name] !== null ? Object.values(found[name]).reduce((sum, each) => sum + each, 0) : found[name]);
  const facts = [
    ["images", found.images], ["different images", found.unique_images], ["groups of copies", found.duplicate_groups],
    ...found.copies.filter((each) => each.images > 0).map((each) => [`copies of ${each.of} in ${each.split}`, each.images]),
    ...found.near.filter((each) => each.images > 0).map((each) => [`near copies of ${each.of} in ${each.split}`, each.images]),
    ["copies with contradictory labels", found.conflicting_images], ["blank images", total("blank")], ["unreadable files", found.unreadable.length],
  ];
  return el("div", {},
    el("p", {}, found.recognised, found.copy ? ` This copy: ${found.copy.verdict}, ${found.copy.change}.` : ""), found.notes.map((note) => el("p.hint", {}, note)),
    el("div.columns", {}, table(["class", ...splits], rows, { label: "Images by class", narrow: true }), table(["what", "count"], facts.map(([what, count]) => [what, number(count)]), { label: "What was found", narrow: true })));
}
