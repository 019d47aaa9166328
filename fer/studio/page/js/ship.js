// From a run to something that predicts elsewhere: export and its gate, card, live page, MLflow.

import { get, post } from "./api.js";
import { commandLine, el, fill, message, select } from "./dom.js";
import { isShown, LOST, lastWords, toldAt } from "./outcome.js";
import { listen, models, OPEN, refresh, store } from "./store.js";

const BUSY = { export: "Exporting and checking…", track: "Sending it to MLflow…", serve: "Starting the live page…" };

export class ShipView {
  constructor(node) {
    this.told = message();
    this.asked = new Set();
    this.addresses = new Map();
    this.run = select([], "", { id: "ship-run", onchange: () => this.chosen() });
    this.int8 = el("input", { type: "checkbox" });
    const line = (id, placeholder) => el("input.grow", { id, type: "text", placeholder, autocomplete: "off", spellcheck: false });
    this.root = line("ship-root", "only where the data set has moved");
    this.store = line("ship-store", "sqlite:////path/mlflow.db, or the address of a server");
    this.model = Object.assign(line("ship-model", ""), { value: "fer" });
    this.outcome = el("div", { id: "gate", role: "status" });
    this.list = el("div");
    this.serving = el("div", { role: "status" });
    const button = (words, task, kind = "button") => el(kind, { type: "button", onclick: this.told.once(task) }, words);
    fill(node, el("section", { "aria-labelledby": "ship-title" }, el("h2", { id: "ship-title" }, "Ship"),
      el("p.hint", {}, "One self-describing .onnx file that predicts without torch. It is checked first against the net it comes from, on PublicTest; what fails is refused and not written."),
      el("div.row", {}, el("label", { for: "ship-run" }, "Run"), this.run),
      el("fieldset", {}, el("legend", {}, "Export"),
        el("div.row", {}, el("label", {}, this.int8, "INT8: four times smaller"), el("label", { for: "ship-root" }, "Data"), this.root),
        button("Export", () => this.export(), "button.primary")),
      el("fieldset", {}, el("legend", {}, "MLflow"),
        el("p.hint", {}, "Register in MLflow, at a file below, sends the run with that file, makes it a new version of the registered model and gives it the alias champion. The run alone can be sent too: settings, curves, files. Without a store here it is MLFLOW_TRACKING_URI, the one that has the run already, or mlflow.db beside the run."),
        el("div.row", {}, el("label", { for: "ship-model" }, "Registered model"), this.model, el("label", { for: "ship-store" }, "Store"), this.store),
        button("Send the run alone", () => this.track(null))),
      this.told.node, this.outcome, this.serving, this.list));
    listen(() => this.take());
  }

  async show() {
    this.offer();
    await this.told.during(() => this.files());
  }

  async choose(name) {
    this.offer();
    this.run.value = name;
    await this.chosen();
  }

  async chosen() {
    fill(this.outcome);
    await this.told.during(() => this.files());
  }

  offer() {
    const names = models().sort((a, b) => (b.accuracy ?? 0) - (a.accuracy ?? 0)).map((entry) => entry.id);
    if (names.join("\n") === this.offered) return;
    this.offered = names.join("\n");
    const chosen = this.run.value;
    fill(this.run, names.map((name) => new Option(name, name)));
    if (names.includes(chosen)) this.run.value = chosen;
    // The run that was shown has gone, or the first one has come.
    else if (isShown(this.run)) this.chosen();
  }

  async ask(path, more) {
    if (!this.run.value) throw new Error("No run has a model yet: train one first.");
    const job = await post(path, { run: this.run.value, ...more });
    this.asked.add(job.id);
    toldAt(job.id, () => isShown(this.run));
    fill(this.outcome, el("p.hint", {}, BUSY[job.kind]));
    await refresh();
  }

  export() {
    return this.ask("api/export", { int8: this.int8.checked, data_root: this.root.value.trim() });
  }

  track(file) {
    const registered = file === null ? {} : { file, name: this.model.value.trim() };
    return this.ask("api/track", { ...registered, store: this.store.value.trim() });
  }

  take() {
    this.offer();
    this.drawServers();
    for (const job of store.jobs) {
      const up = job.kind === "serve" && this.addresses.has(job.id);
      if (!this.asked.has(job.id) || (OPEN.has(job.state) && !up)) continue;
      this.asked.delete(job.id);
      if (up) fill(this.outcome);
      else this.told.during(() => this.tell(job));
    }
  }

  /** What came of a command that was asked for here. */
  async tell(job) {
    const { output } = await get("api/job", { id: job.id });
    const [run] = job.about;
    const name = { export: "Result of the export", track: "What was sent to MLflow", serve: "Output of the live page" }[job.kind];
    const wrong = job.state === "failed" ? lastWords(output) : job.state === "lost" ? LOST : null;
    fill(this.outcome, el("h3", {}, `${run}: ${heading(job, output)}`), wrong ? el("p.message.problem", {}, wrong) : null,
      output.trim() && output.trim() !== wrong ? el("pre.output", { tabindex: "0", role: "region", "aria-label": name }, output.trim()) : null);
    await this.files();
  }

  drawServers() {
    const live = store.jobs.filter((job) => job.kind === "serve" && OPEN.has(job.state));
    for (const job of live) if (!this.addresses.has(job.id)) this.findAddress(job);
    const now = JSON.stringify(live.map((job) => [job.id, this.addresses.get(job.id)]));
    if (now === this.drawn) return;
    this.drawn = now;
    fill(this.serving, live.filter((job) => this.addresses.has(job.id)).map((job) => {
      const address = this.addresses.get(job.id);
      return el("p.message", {}, `The live page is up with ${job.facts.file} of ${job.about[0]}: `, el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address));
    }));
  }

  async findAddress(job) {
    try {
      const { address } = await get("api/serving", { id: job.id });
      if (address) this.addresses.set(job.id, address);
    } catch {
      // It is asked again with the next state.
    }
  }

  async files() {
    const run = this.run.value;
    if (run === "") {
      fill(this.list);
      return;
    }
    const { files } = await get("api/exports", { run });
    if (run !== this.run.value) return;
    const button = (words, task) => el("button", { type: "button", onclick: this.told.once(task) }, words);
    fill(this.list, files.map((file) => el("div", { "data-file": file.name },
      el("h3", {}, file.name, ` (${(file.bytes / 1e6).toFixed(2)} MB)`),
      el("div.row", {}, el("a.button", { href: file.address, download: file.name }, "Download"),
        button("Use it in the live page", () => this.ask("api/serve", { file: file.name })),
        button("Register in MLflow", () => this.track(file.name))),
      commandLine(file.serve).node, commandLine(file.predict).node,
      file.card ? el("details", {}, el("summary", {}, "Model card"), el("pre.output", { tabindex: "0", role: "region", "aria-label": `Model card of ${file.name}` }, file.card)) : null)));
  }
}

function heading({ kind, state, facts }, output) {
  if (state === "stopped") return "stopped";
  if (kind === "serve") return "the live page ended";
  if (kind === "export") return state === "finished" ? "the gate let it through" : lastWords(output)?.includes("refused: ") ? "refused by the gate" : "not exported";
  if (state !== "finished") return "not all of it is in MLflow";
  const version = output.match(/registered as version (\S+)/)?.[1];
  return version ? `version ${version} of the registered model ${facts.name}` : "MLflow has the run";
}
