// From a run to something that predicts elsewhere: export and its gate, card, live page, MLflow.

import { get, post } from "./api.js";
import { commandLine, el, fill, message, select } from "./dom.js";
import { listen, models, refresh, store } from "./store.js";

export class ShipView {
  constructor(node) {
    this.told = message();
    this.run = select([], "", { id: "ship-run", onchange: () => this.told.during(() => this.files()) });
    this.int8 = el("input", { type: "checkbox" });
    this.root = el("input.grow", { id: "ship-root", type: "text", placeholder: "only where the data set has moved", autocomplete: "off", spellcheck: false });
    this.outcome = el("div", { id: "gate" });
    this.list = el("div");
    this.serving = el("div", { role: "status" });
    fill(node, el("section", { "aria-labelledby": "ship-title" }, el("h2", { id: "ship-title" }, "Ship"),
      el("p.hint", {}, "One self-describing .onnx file that predicts without torch. It is checked first against the net it comes from, on PublicTest; what fails is refused and not written."),
      el("div.row", {}, el("label", { for: "ship-run" }, "Run"), this.run),
      el("div.row", {}, el("label", {}, this.int8, "INT8: four times smaller"), el("label", { for: "ship-root" }, "Data"), this.root),
      el("div.row", {}, el("button.primary", { type: "button", onclick: () => this.told.during(() => this.export()) }, "Export"), el("button", { type: "button", onclick: () => this.told.during(() => this.track()) }, "Register in MLflow")),
      this.told.node, this.outcome, this.serving, this.list));
    listen(() => this.take());
  }

  async show() {
    this.offer();
    if (this.run.value) await this.told.during(() => this.files());
  }

  async choose(name) {
    this.offer();
    this.run.value = name;
    await this.told.during(() => this.files());
  }

  offer() {
    const names = models().sort((a, b) => (b.accuracy ?? 0) - (a.accuracy ?? 0)).map((entry) => entry.id);
    if (names.join("\n") === this.offered) return;
    this.offered = names.join("\n");
    const chosen = this.run.value;
    fill(this.run, names.map((name) => new Option(name, name)));
    if (names.includes(chosen)) this.run.value = chosen;
  }

  async export() {
    if (!this.run.value) throw new Error("No run has a model yet: train one first.");
    const job = await post("api/export", { run: this.run.value, int8: this.int8.checked, data_root: this.root.value.trim() });
    this.job = job.id;
    fill(this.outcome, el("p.hint", {}, "Exporting and checking…"));
    await refresh();
  }

  async track() {
    if (!this.run.value) throw new Error("No run has a model yet: train one first.");
    await post("api/track", { run: this.run.value });
    this.told.say("Being sent; see the queue below.");
    await refresh();
  }

  take() {
    this.offer();
    const job = store.jobs.find((each) => each.id === this.job);
    if (job && !["waiting", "running"].includes(job.state)) {
      this.job = null;
      this.told.during(async () => {
        const { output } = await get("api/job", { id: job.id });
        fill(this.outcome, el("h3", {}, job.state === "finished" ? "The gate let it through" : "Refused"), el("pre.output", { tabindex: "0", role: "region", "aria-label": "Result of the export" }, output.trim()));
        await this.files();
      });
    }
    const live = store.jobs.find((each) => each.id === this.server);
    if (live && !this.address) this.ask(live);
    if (live && !["waiting", "running"].includes(live.state)) {
      this.server = this.address = null;
      fill(this.serving, live.state === "failed" ? el("p.message.problem", {}, "The live page ended; the queue below says why.") : null);
    }
  }

  async ask(live) {
    const { address } = await get("api/serving", { id: live.id });
    if (!address || this.address) return;
    this.address = address;
    fill(this.serving, el("p.message", {}, "The live page is up: ", el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address)));
  }

  async files() {
    const { files } = await get("api/exports", { run: this.run.value });
    fill(this.list, files.map((file) => el("div", { "data-file": file.name },
      el("h3", {}, file.name, ` (${(file.bytes / 1e6).toFixed(2)} MB)`),
      el("div.row", {}, el("a.button", { href: file.address }, "Download"), el("button", { type: "button", onclick: () => this.told.during(async () => {
        const job = await post("api/serve", { run: this.run.value, file: file.name });
        this.server = job.id;
        this.address = null;
        await refresh();
      }) }, "Use it in the live page")),
      commandLine(file.serve).node, commandLine(file.predict).node,
      file.card ? el("details", {}, el("summary", {}, "Model card"), el("pre.output", { tabindex: "0", role: "region", "aria-label": "Model card" }, file.card)) : null)));
  }
}
