// Pictures and videos that were handed over: one after another, into a table, and into files where that is asked for.

import * as api from "./api.js";
import { announcer, app, clear, hide, hero, hiddenFrom, ok, ordered, part, put, show, stage, status, told } from "./app.js";
import { annotate, asCsv, asJson, save } from "./exports.js";
import { Film, NoFilm, STEP_S } from "./film.js";
import { handed, handOver } from "./handover.js";
import { named, percent, t } from "./i18n.js";
import { BatchTable, facesOf } from "./table.js";
import { patiently, persistently, tell, waitFor } from "./problems.js";
import { trouble } from "./troubles.js";
import { isVideo, listen, prepare } from "./upload.js";

export class Pictures {
  /** `onAnswer({blob})`: a picture was answered for. `onPhotos(files)`: they are to be practised with. */
  constructor({ reader, models, onAnswer, onPhotos }) {
    Object.assign(this, { reader, models, onAnswer, items: (handed("files") ?? []).map(asItem), pass: null, reading: null, looking: null, saving: false, stale: false });
    this.table = new BatchTable({ onShow: (item, seconds) => this.#look(item, seconds) });
    handOver("files", () => this.items.map((item) => item.file), { ofFiles: true });
    const practising = () => app.way === "practise";
    listen({ input: part("file"), dropHint: part("drop-hint"), hint: () => t(practising() ? "own.drop" : "files.drop"), onFiles: (files) => (practising() ? onPhotos(files) : this.use(files)) });
    part("save-csv").addEventListener("click", () => save(asCsv(this.#records(), this.model.labels), "fer.csv"));
    part("save-json").addEventListener("click", () => save(asJson({ model: this.model.name, faces: this.#records() }), "fer.json"));
    part("save-annotated").addEventListener("click", () => this.#saveCopies());
    part("batch-stop").addEventListener("click", () => this.stop());
  }

  /** Takes the place of whatever was on the stage. */
  async use(files) {
    if (files.length === 0) return;
    if (app.model === null) await this.models.connect();
    if (app.model === null) return;
    if (this.reader.running) this.reader.stop();
    else this.reader.camera.stop();
    status.unsay();
    this.items = files.map(asItem);
    await this.again();
  }

  /** Looks at the files afresh: they are new, or the model is. */
  again() {
    this.reading = this.#again();
    return this.reading;
  }

  async #again() {
    const pass = { stopped: false };
    this.pass = pass;
    this.stale = false;
    this.model = app.model;
    hide(part("batch"), this.items.length === 0);
    this.table.begin(this.items);
    hide(part("batch-stop"), this.items.length < 2 && !this.items[0]?.video);
    // Of a single picture the answer itself comes at once.
    if (!part("batch-progress").hidden) announcer.once(part("batch-words").textContent);
    let looked = 0;
    for (const item of this.items) {
      item.records = [];
      item.problem = null;
      await (item.video ? this.#film(item, pass) : this.#picture(item, pass));
      if (this.#over(pass)) break;
      looked += 1;
      this.table.progress(looked / this.items.length);
    }
    if (pass !== this.pass) return;
    hide(part("batch-stop"));
    this.table.end(this.items, looked);
    if (this.items.length > 1) announcer.once(part("batch-words").textContent);
  }

  get shown() {
    return stage.dataset.mode === "picture";
  }

  /** The model is another one, or the first, or another half is hidden from it. */
  changed() {
    if (this.shown || (this.pass === null && this.items.length > 0)) this.again();
    // The camera keeps the stage; who comes back to a file has all of them read anew.
    else this.stale = this.pass !== null;
  }

  /** Looks at no further picture; those that it has looked at stay in the table. */
  stop() {
    if (this.pass !== null) this.pass.stopped = true;
  }

  // Whether a pass over the files has been stopped, or another one has begun.
  #over(pass) {
    return pass.stopped || pass !== this.pass;
  }

  /** Forgets the files; nothing of them stays in the page. */
  forget() {
    this.pass = null;
    this.items = [];
    hide(part("batch"));
  }

  async #picture(item, pass) {
    let prepared;
    try {
      prepared = await prepare(item.file, (file) => this.#while(pass, () => this.#readable(file)));
    } catch (error) {
      if (this.#over(pass)) return;
      if (this.items.length === 1) {
        this.reader.setMode("empty");
        clear("off", t("verdict.no-prediction"), t("verdict.no-picture"));
      }
      await this.#failed(item, error, pass);
      return;
    }
    if (this.#over(pass)) return;
    this.reader.setMode("picture");
    put(prepared.canvas);
    clear("picture", t("verdict.reading"), t("verdict.with-server"));
    try {
      const response = await this.#predict(prepared.blob, pass);
      if (this.#over(pass)) {
        this.#unanswered(pass);
        return;
      }
      this.#take(item, response, prepared, null);
      if (this.items.length === 1) announcer.once(told().words);
      this.onAnswer(prepared);
    } catch (error) {
      this.#unanswered(pass);
      await this.#failed(item, error, pass);
    }
  }

  // Nothing is read of the picture on the stage any more; another pass, or the camera, has a stage of its own.
  #unanswered(pass) {
    if (pass === this.pass && this.shown) clear("picture", t("verdict.no-prediction"), t("verdict.none-of-this"));
  }

  async #film(item, pass) {
    let film;
    try {
      film = await Film.open(item.file);
    } catch (error) {
      await this.#failed(item, error, pass);
      return;
    }
    if (this.#over(pass)) {
      film.close();
      return;
    }
    this.reader.setMode("picture");
    const stream = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    try {
      for (let seconds = 0; seconds === 0 || seconds < film.length; seconds += STEP_S) {
        const prepared = await film.at(seconds);
        if (this.#over(pass)) break;
        put(prepared.canvas);
        const response = await this.#predict(prepared.blob, pass, { stream, seconds });
        if (this.#over(pass)) break;
        this.#take(item, response, prepared, seconds);
        this.table.progress((this.items.indexOf(item) + seconds / (film.length || 1)) / this.items.length);
      }
      if (this.items.length === 1 && !this.#over(pass)) announcer.once(t("batch.film", { count: facesOf(item) }));
    } catch (error) {
      await this.#failed(item, error, pass);
    } finally {
      film.close();
    }
  }

  #predict(blob, pass, parameters = {}) {
    return this.#while(pass, () => waitFor(patiently(() => api.predict(blob, { model: app.model.name, hide: hiddenFrom(app.model), ...parameters }))));
  }

  // Asks until the server is there, as long as the pass over the files stands; whoever comes back may have other models.
  #while(pass, ask) {
    const onGone = () => this.shown && clear("lost", trouble("lost")[0], t("verdict.no-current"));
    return persistently(ask, { stands: () => !this.#over(pass), onGone, onBack: () => this.models.changed() });
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

  async #failed(item, error, pass) {
    const stands = () => !this.#over(pass);
    // Of many files, the table says why, and the end how many.
    const lines = await this.#tell(error, item, stands, { quiet: this.items.length > 1 });
    if (lines === null || !stands()) return;
    // Without its token, the server refuses the others too; with it, all of them are looked at.
    if (error.status === 401) {
      this.stop();
      return;
    }
    item.problem = lines.join(" ");
    this.table.problem(item);
  }

  /** Says what went wrong with a file, where `stands()`: it still is what the page is about; gives the words, or null. */
  async #tell(error, item, stands, { quiet = false } = {}) {
    if (!stands()) return null;
    if (!(error instanceof NoFilm)) return tell(error, { modelsChanged: () => this.models.changed(), stands, quiet });
    const lines = [t("files.no-film", { name: item.name })];
    if (!quiet) status.say(lines, { because: "refused" });
    return lines;
  }

  /** The picture as one that the browser can show. */
  #readable(file) {
    if (file.size > app.catalogue.limits.max_body) throw new api.Refused(413, t("refused.413"), 0);
    return waitFor(api.preview(file));
  }

  // A row of the table was chosen: its picture is shown, with what was predicted.
  async #look(item, seconds) {
    const row = {};
    this.looking = row;
    const stands = () => this.looking === row && this.items.includes(item);
    if (this.stale) {
      await this.again();
      // Of several, the last one is on the stage now; whoever has gone on to something else is left there.
      if (this.items.length < 2 || this.stale || this.pass?.stopped || !this.shown || !stands()) return;
    }
    if (item.problem !== null) return;
    let prepared;
    try {
      prepared = await (item.video ? Film.use(item.file, (film) => film.at(seconds)) : prepare(item.file, (file) => this.#readable(file)));
    } catch (error) {
      await this.#tell(error, item, stands);
      return;
    }
    if (!stands()) return;
    this.reader.setMode("picture");
    put(prepared.canvas);
    app.last = { faces: item.records.filter((each) => ok(each) && (each.seconds ?? null) === seconds), blob: prepared.blob, size: prepared.size, picture: part("picture") };
    show();
    announcer.once(told().words);
  }

  // All of them, and a file of which nothing could be read with the reason.
  #records() {
    return this.items.flatMap(({ name, records, problem }) => (problem === null ? records : [...records, { source: name, status: "unreadable", reason: problem }]));
  }

  async #saveCopies() {
    if (this.saving) return;
    this.saving = true;
    const items = this.items.filter((each) => each.records.length > 0);
    let item;
    try {
      for (item of items) await this.#saveCopy(item);
      if (items.length > 1) status.say([t("batch.copied", { count: items.length })], { kind: "good", because: "copy" });
    } catch (error) {
      await this.#tell(error, item, () => this.items.includes(item));
    } finally {
      this.saving = false;
    }
  }

  async #saveCopy(item) {
    const stem = item.name.replace(/\.[^.]*$/, "");
    if (item.video) {
      status.say([t("batch.copying", { name: item.name })], { kind: "good", because: "copy" });
      const paint = (context, seconds, [width]) => annotate(context, marks(item.records.filter((each) => ok(each) && each.seconds === STEP_S * Math.floor(seconds / STEP_S)), width / item.size[0]), { width });
      await save(await Film.use(item.file, (film) => film.copy(paint)), `${stem}-fer.webm`);
      status.unsay("copy");
    } else {
      const { canvas, size: [width] } = await prepare(item.file, (file) => this.#readable(file));
      annotate(canvas.getContext("2d"), marks(item.records.filter(ok), 1), { width });
      await save(await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92)), `${stem}-fer.jpg`);
    }
  }
}

const asItem = (file) => ({ file, name: file.name, video: isVideo(file), records: [], problem: null, size: null });

const marks = (records, scale) => records.map((record) => ({ box: record.box.map((side) => side * scale), text: t("batch.mark", { label: record.uncertain ? t("face.uncertain") : named(record.label), share: percent(record.confidence) }) }));
