// Pictures and videos that were handed over: one after another, into a table, and into files where that is asked for.

import * as api from "./api.js";
import { announcer, app, clear, hide, hero, hiddenFrom, ok, ordered, part, show, stage, status, told } from "./app.js";
import { annotate, asCsv, asJson, save } from "./exports.js";
import { Film, NoFilm, STEP_S } from "./film.js";
import { named, percent, t } from "./i18n.js";
import { BatchTable } from "./table.js";
import { patiently, tell, waitFor } from "./problems.js";
import { isVideo, listen, prepare } from "./upload.js";

export class Pictures {
  /** `onAnswer({blob})`: a picture was answered for. */
  constructor({ reader, models, onAnswer }) {
    Object.assign(this, { reader, models, onAnswer, items: [], run: 0, current: null });
    this.table = new BatchTable({ onShow: (item, seconds) => this.#look(item, seconds) });
    listen({ input: part("file"), dropHint: part("drop-hint"), onFiles: (files) => app.way !== "practise" && this.use(files) });
    part("save-csv").addEventListener("click", () => save(asCsv(this.#records(), app.model.labels), "fer.csv"));
    part("save-json").addEventListener("click", () => save(asJson({ model: this.model, faces: this.#records() }), "fer.json"));
    part("save-annotated").addEventListener("click", () => this.#saveCopies());
    part("batch-stop").addEventListener("click", () => (this.run += 1));
  }

  /** Takes the place of whatever was on the stage. */
  async use(files) {
    if (files.length === 0) return;
    if (app.model === null) await this.models.connect();
    if (app.model === null) return;
    if (this.reader.running) this.reader.stop();
    else this.reader.camera.stop();
    status.unsay();
    this.items = files.map((file) => ({ file, name: file.name, video: isVideo(file), records: [], problem: null, size: null }));
    await this.again();
  }

  /** Looks at the files afresh: they are new, or the model is. */
  async again() {
    this.run += 1;
    const { run } = this;
    this.model = app.model.name;
    hide(part("batch"), this.items.length === 0);
    this.table.begin(this.items);
    hide(part("batch-stop"), this.items.length < 2 && !this.items[0]?.video);
    let looked = 0;
    for (const item of this.items) {
      item.records = [];
      item.problem = null;
      await (item.video ? this.#film(item, run) : this.#picture(item, run));
      if (run !== this.run) break;
      looked += 1;
      this.table.progress(looked / this.items.length);
    }
    if (run !== this.run && this.model !== app.model.name) return;
    hide(part("batch-stop"));
    this.table.end(this.items, looked);
    if (this.items.length > 1) announcer.once(part("batch-words").textContent);
  }

  get shown() {
    return stage.dataset.mode === "picture";
  }

  /** Forgets the files; nothing of them stays in the page. */
  forget() {
    this.run += 1;
    this.items = [];
    hide(part("batch"));
  }

  async #picture(item, run) {
    let prepared;
    try {
      prepared = await prepare(item.file, part("picture"), (file) => this.#readable(file));
    } catch (error) {
      if (run !== this.run) return;
      if (this.items.length === 1) {
        this.reader.setMode("empty");
        clear("off", t("verdict.no-prediction"), t("verdict.no-picture"));
      }
      await this.#failed(item, error);
      return;
    }
    if (run !== this.run) return;
    this.reader.setMode("picture");
    clear("picture", t("verdict.reading"), t("verdict.with-server"));
    try {
      const response = await this.#predict(prepared.blob);
      if (run !== this.run || !this.shown) return;
      this.#take(item, response, prepared, null);
      if (this.items.length === 1) announcer.once(told().words);
      this.onAnswer(prepared);
    } catch (error) {
      clear("picture", t("verdict.no-prediction"), t("verdict.none-of-this"));
      await this.#failed(item, error);
    }
  }

  async #film(item, run) {
    let film;
    try {
      film = await Film.open(item.file);
    } catch (error) {
      await this.#failed(item, error);
      return;
    }
    this.reader.setMode("picture");
    const stream = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    try {
      for (let seconds = 0; seconds === 0 || seconds < film.length; seconds += STEP_S) {
        const prepared = await film.at(seconds, part("picture"));
        const response = await this.#predict(prepared.blob, { stream, seconds });
        if (run !== this.run) break;
        this.#take(item, response, prepared, seconds);
        this.table.progress((this.items.indexOf(item) + seconds / (film.length || 1)) / this.items.length);
      }
      if (this.items.length === 1 && run === this.run) announcer.once(t("batch.film", { count: new Set(item.records.filter(ok).map((each) => each.face)).size }));
    } catch (error) {
      await this.#failed(item, error);
    } finally {
      film.close();
    }
  }

  #predict(blob, parameters = {}) {
    return waitFor(patiently(() => api.predict(blob, { model: app.model.name, hide: hiddenFrom(app.model), ...parameters })));
  }

  #take(item, response, { blob, size }, seconds) {
    item.size = size;
    app.last = { faces: response.faces.filter(ok), blob, size, picture: part("picture") };
    hero.state("picture");
    show();
    const places = new Map(ordered().map((face) => [face.face, face]));
    for (const record of response.faces) {
      const seen = places.get(record.face);
      const row = { ...record, source: item.name, ...(seconds === null ? {} : { seconds }) };
      item.records.push(row);
      this.table.row(item, row, seen);
    }
  }

  async #failed(item, error) {
    if (error instanceof NoFilm) {
      item.problem = t("files.no-film", { name: item.name });
      status.say([item.problem], { because: "refused" });
    } else {
      await tell(error, { modelsChanged: () => this.models.changed() });
      item.problem = part("message").textContent;
    }
    this.table.problem(item);
  }

  /** The picture as one that the browser can show. */
  #readable(file) {
    if (file.size > app.catalogue.limits.max_body) throw new api.Refused(413, t("files.large", { name: file.name }), 0);
    return waitFor(api.preview(file));
  }

  // A row of the table was chosen: its picture is shown, with what was predicted.
  async #look(item, seconds) {
    if (this.run === 0 || item.problem !== null) return;
    let prepared;
    if (item.video) {
      const film = await Film.open(item.file);
      prepared = await film.at(seconds, part("picture"));
      film.close();
    } else prepared = await prepare(item.file, part("picture"), (file) => this.#readable(file));
    this.reader.setMode("picture");
    app.last = { faces: item.records.filter((each) => ok(each) && (each.seconds ?? null) === seconds), ...prepared, picture: part("picture") };
    show();
    announcer.once(told().words);
  }

  #records() {
    return this.items.flatMap((item) => item.records);
  }

  async #saveCopies() {
    const canvas = document.createElement("canvas");
    for (const item of this.items.filter((each) => each.records.length > 0)) {
      const stem = item.name.replace(/\.[^.]*$/, "");
      if (item.video) {
        status.say([t("batch.copying", { name: item.name })], { kind: "good", because: "copy" });
        const film = await Film.open(item.file);
        save(await film.copy((context, seconds, [width]) => annotate(context, marks(item.records.filter((each) => ok(each) && each.seconds === STEP_S * Math.floor(seconds / STEP_S)), width / item.size[0]), { width })), `${stem}-fer.webm`);
        film.close();
        status.unsay("copy");
      } else {
        const { size: [width] } = await prepare(item.file, canvas, (file) => this.#readable(file));
        annotate(canvas.getContext("2d"), marks(item.records.filter(ok), 1), { width });
        save(await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92)), `${stem}-fer.jpg`);
      }
    }
  }
}

const marks = (records, scale) => records.map((record) => ({ box: record.box.map((side) => side * scale), text: t("batch.mark", { label: record.uncertain ? t("face.uncertain") : named(record.label), share: percent(record.confidence) }) }));
