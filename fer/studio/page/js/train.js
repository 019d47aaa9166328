// The form of a training, made from the configuration's own schema.

import { post } from "./api.js";
import { commandLine, el, fill, message, quoted, select } from "./dom.js";
import { refresh } from "./store.js";

const START = ["experiment=quickstart"];
const WORDS = { run: "The run itself", data: "Data", model: "Net", optimizer: "Optimiser", scheduler: "Learning rate", loss: "Loss", augment: "Augmentation", trainer: "Length and device", callbacks: "Beside the training" };
const FOLDED = new Set(["callbacks", "debug", "logger"]);

/** A field's value as a command line takes it; lists and mappings stand as they are typed. */
function typed(field, text) {
  if (text === "") return "null";
  return field.kind !== "text" || /^[[{].*[\]}]$/.test(text) ? text : quoted(text);
}

export class TrainForm {
  constructor(node, { onStarted }) {
    this.node = node;
    this.onStarted = onStarted;
    this.groups = new Map(START.map((each) => each.split("=")));
    this.values = new Map();
    this.origin = null;
    this.open = new Set();
    this.told = message();
    this.form = el("form", { onsubmit: (event) => this.start(event), noValidate: true });
    this.command = commandLine("");
    this.name = el("input", { type: "text", id: "run-name", placeholder: "by date and time", autocomplete: "off" });
    this.button = el("button.primary", { type: "submit" }, "Start training");
    this.about = el("p");
    this.sections = el("div");
    fill(this.form, this.about, this.sections,
      el("div.row", {}, el("label", { for: "run-name" }, "Name of the run"), this.name, this.button, el("button", { type: "button", onclick: () => this.reset() }, "Back to the defaults")),
      this.told.node, this.command.node,
      el("p.hint", {}, "This line does the same in a terminal (with the folder's true name)."));
    fill(node, el("h2", {}, "Train"), this.form);
    this.loaded = false;
  }

  /** Shows the form for the first time: the process that knows the configuration starts only then. */
  async show() {
    if (this.loaded) return;
    this.loaded = true;
    this.loaded = await this.told.during(() => this.load(), "Reading the configuration…");
  }

  async repeat(name) {
    this.origin = name;
    this.groups.clear();
    this.values.clear();
    this.loaded = true;
    this.name.value = `${name.split("/").at(-1)}_again`.slice(0, 90);
    await this.told.during(() => this.load(), `Reading the settings of ${name}…`);
  }

  async reset() {
    this.origin = null;
    this.groups = new Map();
    this.values.clear();
    await this.told.during(() => this.load(), "Reading the configuration…");
  }

  overrides() {
    // The recipe first: what is named after it wins over it.
    return [...[...this.groups].map(([name, option]) => (option === "" ? `~${name}` : `${name}=${option}`)).filter((each) => !each.startsWith("~")), ...[...this.values].map(([key, value]) => `${key}=${value}`)];
  }

  async load() {
    const form = await post("api/form", { overrides: this.overrides(), origin: this.origin });
    this.draw(form);
    await this.check();
  }

  draw(form) {
    const focused = document.activeElement?.id;
    fill(this.about, this.origin === null ? "Choose a recipe and what to change of it. Every setting has its meaning beside it." : `The settings of ${this.origin}; what you change is on top of them.`);
    this.fields = new Map(form.fields.map((field) => [field.key, field]));
    const chosen = (name) => form.groups.find((each) => each.name === name);
    const recipe = chosen("experiment");
    const sections = [...new Set(["experiment", "data", "model", "run", "trainer", "optimizer", "scheduler", "loss", "augment", ...form.groups.map((each) => each.name)])];
    fill(this.sections, sections.filter((name) => chosen(name) || name === "run").map((name) => {
      const group = chosen(name);
      const fields = form.fields.filter((field) => field.section === name);
      const shown = fields.filter((field) => !field.advanced || this.values.has(field.key));
      const folded = fields.filter((field) => !shown.includes(field));
      const content = [group ? this.group(group) : null, shown.length ? el("div.fields", {}, shown.map((field) => this.field(field))) : null, folded.length ? this.fold(name, folded) : null];
      const title = name === "experiment" ? "Recipe" : WORDS[name] ?? name;
      return FOLDED.has(name) ? this.foldedSection(name, title, content) : el("fieldset", {}, el("legend", {}, title), content);
    }));
    if (recipe === undefined) this.groups.delete("experiment");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  foldedSection(name, title, content) {
    const node = el("details", { open: this.open.has(`section ${name}`) }, el("summary", {}, title), el("fieldset", {}, el("legend.quiet", {}, title), content));
    node.addEventListener("toggle", () => this.open[node.open ? "add" : "delete"](`section ${name}`));
    return node;
  }

  fold(name, fields) {
    const node = el("details", { open: this.open.has(name) }, el("summary", {}, `More settings (${fields.length})`), el("div.fields", {}, fields.map((field) => this.field(field))));
    node.addEventListener("toggle", () => this.open[node.open ? "add" : "delete"](name));
    return node;
  }

  group(group) {
    const id = `group-${group.name}`;
    const none = ["experiment", "debug"].includes(group.name) || group.chosen === null;
    const options = [...(none ? [["", group.name === "experiment" ? "none: the defaults" : this.origin ? "as in the run" : "none"]] : []), ...group.options.map((each) => [each.name, each.name])];
    const help = group.options.find((each) => each.name === group.chosen)?.help || group.about;
    const node = select(options, group.chosen ?? "", { id, onchange: () => {
      this.groups.set(group.name, node.value);
      if (node.value === "") this.groups.delete(group.name);
      // Its own keys belonged to the option before.
      if (group.name !== "experiment") for (const key of [...this.values.keys()]) if (key.startsWith(`${group.name}.`)) this.values.delete(key);
      this.told.during(() => this.load());
    } });
    return el("div.field", {}, el("label", { for: id }, group.name), node, el("p.hint", {}, help));
  }

  field(field) {
    const id = `field-${field.key}`;
    const now = this.values.has(field.key) ? this.values.get(field.key).replace(/^"(.*)"$/, "$1").replaceAll('\\"', '"') : field.value;
    const shown = now === "null" ? "" : now;
    const change = (text) => {
      this.values.set(field.key, typed(field, text));
      node.classList.add("changed");
      this.check();
    };
    let input;
    if (field.kind === "switch") {
      input = select([["true", "yes"], ["false", "no"]], shown, { id, onchange: () => change(input.value) });
    } else if (field.kind === "choice") {
      input = select([...(field.nullable ? [["", "none"]] : []), ...field.choices.map((each) => [each, each])], shown, { id, onchange: () => change(input.value) });
    } else {
      const numeric = field.kind !== "text";
      input = el("input", { id, type: "text", inputMode: numeric ? "decimal" : "text", value: shown, autocomplete: "off", spellcheck: false, placeholder: field.nullable ? "none" : "", onchange: () => change(input.value.trim()) });
    }
    const wrong = el("p.wrong", { id: `${id}-wrong` });
    input.setAttribute("aria-describedby", `${id}-help ${id}-wrong`);
    const node = el("div.field", { "data-key": field.key }, el("label", { for: id }, field.key), input, wrong, el("p.hint", { id: `${id}-help` }, [sentence(field.help), range(field)].filter(Boolean).join(" ")));
    node.classList.toggle("changed", this.values.has(field.key));
    return node;
  }

  /** Asks whether a training would take this; a mistake is told at its field. */
  async check() {
    for (const each of this.form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    for (const each of this.form.querySelectorAll(".wrong")) each.textContent = "";
    const asked = (this.asked = this.overrides().join("\n"));
    try {
      const { shown } = await post("api/check", { overrides: this.overrides(), origin: this.origin });
      if (asked !== this.asked) return true;
      this.command.set(shown);
      this.told.clear();
      return true;
    } catch (error) {
      if (asked !== this.asked) return false;
      this.wrong(error);
      return false;
    }
  }

  wrong(error) {
    const key = error.message.match(/^([\w.]+)\s*[=:]/)?.[1];
    const input = key && document.getElementById(`field-${key}`);
    if (!input) {
      this.told.node.className = "message problem";
      fill(this.told.node, error.message);
      return;
    }
    input.closest("details")?.setAttribute("open", "");
    input.setAttribute("aria-invalid", "true");
    document.getElementById(`field-${key}-wrong`).textContent = error.message;
    this.told.node.className = "message problem";
    fill(this.told.node, error.message);
  }

  async start(event) {
    event.preventDefault();
    if (this.starting) return;
    this.starting = true;
    this.button.setAttribute("aria-disabled", "true");
    try {
      if (!(await this.check())) {
        this.form.querySelector("[aria-invalid]")?.focus();
        return;
      }
      this.told.say("Checking the settings as fer-train does…");
      const job = await post("api/train", { overrides: this.overrides(), origin: this.origin, ...(this.name.value.trim() ? { name: this.name.value.trim() } : {}) });
      this.told.say(job.state === "waiting" ? `${job.about[0]} waits for its turn.` : `${job.about[0]} has started.`);
      this.name.value = "";
      await refresh();
      this.onStarted(job.about[0]);
    } catch (error) {
      this.wrong(error);
    } finally {
      this.starting = false;
      this.button.removeAttribute("aria-disabled");
    }
  }
}

const sentence = (words) => (words === "" ? "" : `${words[0].toUpperCase()}${words.slice(1).replaceAll("`", "").replace(/\.$/, "")}.`);

function range(field) {
  const bounds = [];
  if ("min" in field) bounds.push(`at least ${field.min}`);
  if ("over" in field) bounds.push(`over ${field.over}`);
  if ("max" in field) bounds.push(`at most ${field.max}`);
  if ("under" in field) bounds.push(`below ${field.under}`);
  const kind = field.kind === "integer" ? "Whole number" : field.kind === "number" && bounds.length ? "Number" : "";
  return kind || bounds.length ? `${[kind, bounds.join(", ")].filter(Boolean).join(", ")}.` : "";
}
