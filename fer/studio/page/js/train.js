// The form of a training, a sweep, a study or all folds of a training, made from the configuration's own schema.

import { post, Refused } from "./api.js";
import { commandLine, count, duration, el, fill, inTurn, message, quoted, select, when } from "./dom.js";
import { forgetDraft, keepDraft, readDraft } from "./drafts.js";
import { refresh, runs, store } from "./store.js";

// Plain training faces are judged beside the validation faces, so that the curves show both.
const START = [["experiment", "quickstart"], ["callbacks", "overfitting"]];
const KINDS = {
  train: ["One training", "Start training", ""],
  folds: ["All folds, then suspect labels", "Start the folds", "Each fold of the training faces is held out once; then fer-data lists the labels that the models which did not train on them speak against."],
  sweep: ["A sweep: search settings", "Start the sweep", "Every key that the space names is drawn anew for each trial. Give a key a value to fix it, or a range such as loguniform(1e-4, 1e-1), uniform(0, 0.5) or choice(64, 128) to search it."],
  study: ["A study: augmentation or number of faces", "Start the study", "The same training with several seeds: by augmentation, or by share of the training faces and net (study.what)."],
  occlusion: ["A study: halves of the face", "Start the study", "A net for whole faces, then one for each of the upper, lower, left and right half alone. It ends with a report, which opens PrivateTest."],
};
const WORDS = { own: "What is special to it", space: "What is searched", run: "The run itself", data: "Data", model: "Net", optimizer: "Optimiser", scheduler: "Learning rate", loss: "Loss", augment: "Augmentation", trainer: "Length and device", callbacks: "Beside the training" };
const OF_ONE_KIND = /^(study|baseline|finetune|pruning|num_trials|workers|algorithm|startup_trials|objective|folds|trial_minutes|max_failures|keep|seed|report|data\.(protocol|fold|leave_out))(\.|$)/;
// User and password of an address.
const CREDENTIALS = /:\/\/[^\s/?#]+@/;
const FOLDED = new Set(["callbacks", "debug", "logger"]);

/** A field's value as a command line takes it; lists and mappings stand as they are typed. */
function typed(field, text) {
  if (text === "") return "null";
  return field.kind !== "text" || /^[[{].*[\]}]$/.test(text) || drawn(text) ? text : quoted(text);
}

const drawn = (text) => /^(q?(log)?uniform|choice)\(.*\)$/.test(text);

export class TrainForm {
  constructor(node, { onStarted }) {
    this.node = node;
    this.onStarted = onStarted;
    this.kind = "train";
    this.groups = new Map(START);
    this.values = new Map();
    this.origin = null;
    this.open = new Set();
    this.told = message();
    this.form = el("form", { onsubmit: (event) => this.start(event), oninput: () => this.keep(), noValidate: true });
    this.fields = new Map();
    this.command = commandLine("");
    this.name = el("input", { type: "text", id: "run-name", placeholder: "by date and time", autocomplete: "off" });
    this.button = el("button.primary", { type: "submit" }, "Start training");
    this.about = el("p");
    this.cost = el("p", { id: "cost", role: "status" });
    this.kinds = select(Object.entries(KINDS).map(([name, [words]]) => [name, words]), "train", { id: "train-kind", onchange: () => this.choose(this.kinds.value) });
    this.sections = el("div");
    fill(this.form, el("div.row", {}, el("label", { for: "train-kind" }, "What to start"), this.kinds), this.about, this.sections, this.cost,
      el("div.row", {}, el("label", { for: "run-name" }, "Name"), this.name, this.button, el("button", { type: "button", onclick: () => this.reset() }, "Back to the defaults")),
      this.told.node, this.command.node,
      el("p.hint", {}, "This line does the same in a terminal (with the folder's true name)."));
    fill(node, el("h2", {}, "Train"), this.form);
    this.loaded = false;
    // Two changes in quick succession: the form that is drawn last is that of the last.
    this.reading = null;
    const turn = inTurn(() => this.read());
    this.load = () => (this.reading = turn());
  }

  /** Shows the form for the first time: the process that knows the configuration starts only then. */
  async show() {
    if (this.loaded) return;
    this.loaded = true;
    this.loaded = await this.told.during(() => this.goOn(readDraft("train")), "Reading the configuration…");
  }

  /** Shows what was typed here before, where that is something. */
  async goOn(draft) {
    if (!KINDS[draft?.kind]) return this.load();
    Object.assign(this, { kind: draft.kind, origin: draft.origin, groups: new Map(draft.groups), values: new Map(draft.values) });
    this.kinds.value = this.kind;
    this.name.value = draft.name;
    const refused = await this.loadWhatIsTaken();
    // What was chosen meanwhile, such as another run's settings, is no draft.
    if (this.origin !== draft.origin || this.kind !== draft.kind) return null;
    return this.told.say(`Kept from before; Back to the defaults starts afresh.${refused.length > 0 ? ` Not taken any more: ${refused.join(" ")}` : ""}`);
  }

  /** Loads the form without what it refuses, as after an update; gives that. */
  async loadWhatIsTaken() {
    const refused = [];
    for (;;) {
      try {
        await this.load();
        return refused;
      } catch (error) {
        const settings = [this.values, this.groups];
        const key = keyOf(error);
        const gone = this.origin !== null && store.complete && !store.entries.has(this.origin);
        if (!(error instanceof Refused) || !(gone || settings.some((each) => each.has(key)))) throw error;
        refused.push(...this.overrides().filter((each) => gone || each.startsWith(`${key}=`)));
        if (gone) this.begin(null);
        else for (const each of settings) each.delete(key);
      }
    }
  }

  /** Keeps what was typed, as far as that may be kept. */
  keep() {
    const held = document.activeElement;
    const values = new Map(this.values);
    if (this.form.contains(held) && held.field && held.value.trim() !== held.committed) values.set(held.field.key, typed(held.field, held.value.trim()));
    for (const [key, value] of [...values]) if (this.fields.get(key)?.secret || CREDENTIALS.test(value)) values.delete(key);
    const draft = { kind: this.kind, origin: this.origin, groups: [...this.groups], values: [...values], name: this.name.value };
    const untouched = draft.name === "" && this.origin === null && values.size === 0 && draft.groups.every(([name, option]) => option === new Map(START).get(name));
    if (untouched) forgetDraft("train");
    else keepDraft("train", draft);
  }

  /** Another kind of experiment, with the settings that it can have too; `folds`: of the settings of this run. */
  async choose(kind, { folds = null } = {}) {
    this.kind = this.kinds.value = kind;
    if (folds !== null) this.begin(folds);
    if (!["train", "folds"].includes(kind)) this.origin = null;
    for (const [key, value] of [...this.values]) if (OF_ONE_KIND.test(key) || (kind !== "sweep" && drawn(value))) this.values.delete(key);
    this.groups.delete("space");
    this.loaded = true;
    this.loaded = await this.told.during(() => this.load(), "Reading the configuration…");
  }

  begin(name) {
    this.origin = name;
    this.groups.clear();
    this.values.clear();
  }

  async repeat(name) {
    this.kind = this.kinds.value = "train";
    this.begin(name);
    this.loaded = true;
    // A folder that was named elsewhere may have signs that a name given here cannot have.
    this.name.value = `${name.split("/").at(-1).replace(/[^\p{L}\p{N}_ .+-]/gu, "_").slice(0, 80)}_again`;
    await this.told.during(() => this.load(), `Reading the settings of ${name}…`);
  }

  async reset() {
    this.origin = null;
    this.groups = new Map(START.slice(1));
    this.values.clear();
    this.name.value = "";
    await this.told.during(() => this.load(), "Reading the configuration…");
  }

  overrides() {
    // The recipe first: what is named after it wins over it.
    return [...[...this.groups].map(([name, option]) => (option === "" ? `~${name}` : `${name}=${option}`)).filter((each) => !each.startsWith("~")), ...[...this.values].map(([key, value]) => (key.startsWith("~") ? key : `${key}=${value}`))];
  }

  async read() {
    let form;
    try {
      form = await post("api/form", this.question());
    } catch (error) {
      this.wrong(error);
      throw error;
    }
    // A recipe's settings of its own net are left out where the chosen net has no such setting.
    for (const key of form.foreign) this.values.set(`~${key}`, "");
    if (form.foreign.length > 0) form = await post("api/form", this.question());
    this.draw(form);
    await this.check();
  }

  question() {
    return { kind: this.kind, overrides: this.overrides(), origin: this.origin };
  }

  draw(form) {
    const held = document.activeElement;
    // What is being typed while the form comes is not lost with its field.
    if (held?.committed !== undefined && held.value.trim() !== held.committed) held.dispatchEvent(new Event("change"));
    const focused = held?.id;
    const [, button, words] = KINDS[this.kind];
    this.button.textContent = button;
    fill(this.about, `${words} `, this.origin === null ? "Choose a recipe and what to change of it. Every setting has its meaning beside it." : `The settings of ${this.origin}; what you change is on top of them.`);
    this.fields = new Map(form.fields.map((field) => [field.key, field]));
    const chosen = (name) => form.groups.find((each) => each.name === name);
    const recipe = chosen("experiment");
    const sections = [...new Set(["own", "experiment", "space", "data", "model", "run", "trainer", "optimizer", "scheduler", "loss", "augment", ...form.groups.map((each) => each.name)])];
    fill(this.sections, sections.filter((name) => chosen(name) || form.fields.some((field) => field.section === name)).map((name) => {
      const group = chosen(name);
      const fields = form.fields.filter((field) => field.section === name);
      const shown = fields.filter((field) => !field.advanced || this.values.has(field.key));
      const folded = fields.filter((field) => !shown.includes(field));
      const content = [!group ? null : group.several ? this.options(group) : this.group(group), shown.length ? el("div.fields", {}, shown.map((field) => this.field(field))) : null, folded.length ? this.fold(name, folded) : null];
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

  /** A group of which any number may be chosen. */
  options(group) {
    const chosen = new Set((group.chosen ?? "").split(","));
    const boxes = group.options.filter((each) => each.name !== "default").map((each) => {
      const box = el("input", { type: "checkbox", value: each.name, id: `option-${group.name}-${each.name}`, checked: chosen.has(each.name), onchange: () => {
        const now = boxes.map((one) => one.querySelector("input")).filter((one) => one.checked).map((one) => one.value);
        if (!box.checked) for (const key of [...this.values.keys()]) if (key.startsWith(`${group.name}.`)) this.values.delete(key);
        if (now.length === 0 && this.origin === null) this.groups.delete(group.name);
        else this.groups.set(group.name, now.length === 0 ? "default" : now.length === 1 ? now[0] : `[${now.join(",")}]`);
        this.told.during(() => this.load());
      } });
      return el("label.option", {}, box, el("span", {}, el("span.mono", {}, each.name), each.help ? `: ${each.help}` : ""));
    });
    return el("div", { role: "group", "aria-label": WORDS[group.name] ?? group.name }, el("p.hint", {}, group.about), boxes);
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
      if (group.name !== "experiment") for (const key of [...this.values.keys()]) if (key.replace("~", "").startsWith(`${group.name}.`)) this.values.delete(key);
      this.told.during(() => this.load());
    } });
    return el("div.field", {}, el("label", { for: id }, group.name), node, el("p.hint", {}, help));
  }

  field(field) {
    const id = `field-${field.key}`;
    const now = this.values.has(field.key) ? this.values.get(field.key).replace(/^"(.*)"$/, "$1").replaceAll('\\"', '"') : field.value;
    const draws = Boolean(field.searched) && !this.values.has(field.key);
    const shown = now === "null" ? "" : now;
    const change = (text) => {
      input.committed = text;
      // Cleared, it is searched again.
      if (field.searched && text === "") this.values.delete(field.key);
      else this.values.set(field.key, typed(field, text));
      node.classList.toggle("changed", this.values.has(field.key));
      node.classList.toggle("searched", Boolean(field.searched) && !this.fixed(field.key));
      this.check();
    };
    let input;
    if (field.key === "baseline") {
      // One that is finished already; its settings hold for the halves too.
      const there = runs().filter((entry) => entry.status === "finished" && entry.checkpoint).map((entry) => [`${store.root}/${entry.id}`, entry.id]);
      input = select([["", "none: train one"], ...there], shown, { id, onchange: () => {
        if (input.value !== "") {
          this.groups.clear();
          for (const key of [...this.values.keys()]) if (!key.startsWith("finetune.")) this.values.delete(key);
        }
        this.values.set(field.key, typed(field, input.value));
        this.told.during(() => this.load());
      } });
    } else if (field.kind === "switch") {
      input = select([["true", "yes"], ["false", "no"]], shown, { id, onchange: () => change(input.value) });
    } else if (field.kind === "choice") {
      input = select([...(field.nullable ? [["", "none"]] : []), ...field.choices.map((each) => [each, each])], shown, { id, onchange: () => change(input.value) });
    } else {
      const numeric = field.kind !== "text";
      input = el("input", { id, type: "text", inputMode: numeric ? "decimal" : "text", value: draws ? "" : shown, autocomplete: "off", spellcheck: false, placeholder: draws ? "drawn for each trial" : field.nullable ? "none" : "", onchange: () => change(input.value.trim()) });
      input.committed = input.value;
      input.field = field;
    }
    const wrong = el("p.wrong", { id: `${id}-wrong` });
    input.setAttribute("aria-describedby", `${id}-help ${id}-wrong`);
    const node = el("div.field", { "data-key": field.key }, el("label", { for: id }, field.key), input, wrong, el("p.hint", { id: `${id}-help` }, [field.searched && !this.fixed(field.key) ? `Searched: ${field.searched}.` : "", sentence(field.help), range(field)].filter(Boolean).join(" ")));
    node.classList.toggle("changed", this.values.has(field.key));
    node.classList.toggle("searched", Boolean(field.searched) && !this.fixed(field.key));
    return node;
  }

  fixed(key) {
    return this.values.has(key) && !drawn(this.values.get(key));
  }

  /** How long it will take, at the pace of a run of the same net and data, where there is one. */
  tellCost(told) {
    const like = runs().filter((entry) => entry.model === told.model && entry.data === told.data && entry.seconds && entry.epochs).sort((a, b) => when(b.started ?? 0) - when(a.started ?? 0))[0];
    const much = told.trainings === 1 ? count(told.epochs, "epoch") : `Up to ${told.trainings} trainings, together as long as ${count(told.epochs, "epoch")} of all training faces${told.at_once > 1 ? `, ${told.at_once} at a time` : ""}`;
    const time = like ? `about ${duration((told.epochs * like.seconds) / like.epochs / told.at_once)} at the pace of ${like.id} (${duration(like.seconds / like.epochs)} an epoch)` : "no run of this net and these data has told the pace yet";
    fill(this.cost, `${much}: ${time}.`);
  }

  /** Asks whether a training would take this; a mistake is told at its field. */
  async check() {
    for (const each of this.form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    for (const each of this.form.querySelectorAll(".wrong")) each.textContent = "";
    this.keep();
    const asked = (this.asked = JSON.stringify(this.question()));
    fill(this.cost, "Checking…");
    try {
      const told = await post("api/check", this.question());
      if (asked !== this.asked) return true;
      this.command.set(told.shown);
      this.tellCost(told);
      // What is said of a start meanwhile stays to be read.
      if (this.complained) this.told.clear();
      this.complained = false;
      return true;
    } catch (error) {
      if (asked !== this.asked) return false;
      this.wrong(error);
      return false;
    }
  }

  wrong(error) {
    fill(this.cost);
    this.complained = true;
    const key = keyOf(error);
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
      // What the last choice brings along, such as settings that its net does not have, is started with it.
      await this.reading?.catch(() => {});
      if (!(await this.check())) {
        this.form.querySelector("[aria-invalid]")?.focus();
        return;
      }
      this.complained = false;
      this.told.say("Checking the settings as fer-train does…");
      const job = await post("api/train", { ...this.question(), ...(this.name.value.trim() ? { name: this.name.value.trim() } : {}) });
      const words = job.state === "waiting" ? "waits for its turn" : "has started";
      this.told.say(this.kind === "folds" ? "The folds are in the queue. The list of suspects follows them, and is shown under Data." : `${job.about[0]} ${words}.`);
      this.name.value = "";
      forgetDraft("train", { used: true });
      await refresh();
      // Who starts folds waits for their suspects, not for the first of them: what was said stays to be read. One that
      // waits for its turn may begin hours later, while something else is filled in here.
      if (this.kind !== "folds" && job.state !== "waiting") this.onStarted(job.about[0]);
    } catch (error) {
      this.wrong(error);
    } finally {
      this.starting = false;
      this.button.removeAttribute("aria-disabled");
    }
  }
}

/** The key that a refusal names first. */
const keyOf = (error) => error.message.match(/^(?:space: )?([\w.]+)\s*[=:]/)?.[1];

/** A key's meaning as a sentence; what lists the values it takes (a | b) is left as they are typed. */
function sentence(meaning) {
  const words = meaning.replaceAll("`", "").replace(/\.$/, "");
  return words === "" ? "" : words.includes(" | ") ? words : `${words[0].toUpperCase()}${words.slice(1)}.`;
}

function range(field) {
  const bounds = [];
  if ("min" in field) bounds.push(`at least ${field.min}`);
  if ("over" in field) bounds.push(`over ${field.over}`);
  if ("max" in field) bounds.push(`at most ${field.max}`);
  if ("under" in field) bounds.push(`below ${field.under}`);
  const kind = field.kind === "integer" ? "Whole number" : field.kind === "number" && bounds.length ? "Number" : "";
  return kind || bounds.length ? `${[kind, bounds.join(", ")].filter(Boolean).join(", ")}.` : "";
}
