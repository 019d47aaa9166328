// Reading the camera: start and stop, pause and freeze, what is shown and told of each picture.

import * as api from "./api.js";
import { Aim, brightness } from "./aim.js";
import { announcer, app, chosenFace, clear, hero, hiddenFrom, hide, inCamera, ok, ordered, overlay, part, press, put, show, stage, status, timeline, told, tones } from "./app.js";
import { Camera, firstTowards } from "./camera.js";
import { choice, remember } from "./choices.js";
import { handOver } from "./handover.js";
import { number, t } from "./i18n.js";
import { Live } from "./live.js";
import { listPeople, People } from "./people.js";
import { patiently, tell, tellBack, waitFor } from "./problems.js";
import { Steady } from "./steady.js";
import { trouble } from "./troubles.js";

const RATE_MS = 500;

export class Reader {
  /**
   * `models`: connects, and says whether they changed; `onFace(face)`: the chosen face of each picture, or null;
   * `onPicture({blob, stream})`: one was answered for; `onStart()`: the stage is the camera's from now on.
   */
  constructor({ models, onFace, onPicture, onStart }) {
    Object.assign(this, { models, onFace, onPicture, onStart, starting: false, device: null, rateAt: 0, paused: false, crowd: 0 });
    // One page is one stream: the server follows its faces from picture to picture.
    this.stream = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    this.people = new People();
    this.aim = new Aim({ onHint: (key) => announcer.aim(t(key)), onTone: (where) => tones.place(where) });
    this.camera = new Camera(part("video"), { onLost: (lines) => this.#lost(lines), onBack: () => this.start() });
    this.live = new Live(part("video"), {
      parameters: () => ({ model: app.model.name, stream: this.stream, hide: hiddenFrom(app.model) }),
      onPrediction: (prediction) => this.#predicted(prediction),
      onTrouble: (kind, error) => this.#troubled(kind, error),
      onRecovered: (kind) => this.#recovered(kind),
    });
    handOver("camera", () => (this.running ? { device: this.device, paused: this.paused || !inCamera() } : null));
    // Never disabled while it starts: a disabled button loses the focus.
    part("camera").addEventListener("click", () => (this.running ? this.stop() : this.start()));
    part("pause").addEventListener("click", () => this.pause());
    part("freeze").addEventListener("click", () => this.freeze());
    part("mirror").addEventListener("click", () => this.mirror(!app.mirrored, { keep: true }));
    part("camera-choice").addEventListener("change", (event) => this.#change(event.target.value));
    document.addEventListener("visibilitychange", () => this.#visible(!document.hidden));
    const glide = () => {
      if (inCamera() && overlay.faces.length > 0) overlay.draw();
      requestAnimationFrame(glide);
    };
    glide();
  }

  get running() {
    return inCamera() || stage.dataset.mode === "frozen";
  }

  async start() {
    if (this.starting) return;
    this.starting = true;
    this.onStart();
    try {
      if (app.model === null) await this.models.connect();
      if (app.model === null) return;
      status.unsay();
      await this.camera.start({ device: this.device, towards: firstTowards() });
      if (this.camera.stream === null) return;
      this.setMode("camera");
      app.towards = this.camera.towards;
      this.mirror(app.towards === "user" && choice("mirror") !== "off");
      app.steady = new Steady(app.model.uncertain_below);
      this.live.start();
      hero.state("live");
      announcer.notice(t("camera.on"));
      await this.#listCameras();
    } catch (error) {
      if (!("lines" in error)) throw error;
      status.say(error.lines, { because: "camera" });
    } finally {
      this.starting = false;
    }
  }

  /** Starts it again as it was handed over. */
  async resume({ device, paused }) {
    this.device = device;
    await this.start();
    if (paused) this.pause();
  }

  stop() {
    this.live.stop();
    this.camera.stop();
    this.setMode("empty");
    status.unsay("live", "refused", "back");
    announcer.notice(t("camera.off"));
  }

  /** "empty", "camera", "picture" or "drawn": what the stage shows, from now on, with no verdict yet. */
  setMode(mode) {
    if (mode !== "camera") {
      this.live.stop();
      this.camera.stop();
    }
    stage.dataset.mode = mode;
    app.scene = {};
    stage.classList.toggle("mirrored", app.mirrored);
    part("camera").textContent = t(mode === "camera" ? "camera.stop" : "camera.start");
    for (const id of ["mirror", "pause", "freeze"]) hide(part(id), mode !== "camera");
    if (mode !== "camera") hide(part("which-camera"));
    hide(part("timeline-box"), mode !== "camera");
    hide(part("explanation"));
    for (const id of ["pause", "freeze"]) press(part(id), false);
    Object.assign(this, { paused: false, crowd: 0 });
    app.chosen = null;
    announcer.reset();
    timeline.reset();
    this.people.reset();
    this.aim.reset();
    clear({ camera: "live", empty: "off" }[mode] ?? mode, t("verdict.no-face-yet"), t("verdict.here"));
  }

  /** Stops reading, or goes on; the camera stays on. */
  pause() {
    if (!inCamera()) return false;
    this.paused = !this.paused;
    press(part("pause"), this.paused);
    if (this.paused) this.#rest(t("camera.paused"));
    else this.#resume();
    return true;
  }

  /** Keeps this moment on the screen, verdict and all, or goes on. */
  freeze() {
    if (stage.dataset.mode === "frozen") {
      stage.dataset.mode = "camera";
      press(part("freeze"), false);
      hide(part("pause"), false);
      this.#resume();
      return true;
    }
    if (!inCamera() || app.last === null) return false;
    this.live.stop();
    put(app.last.still);
    this.frozen = app.last;
    stage.dataset.mode = "frozen";
    press(part("freeze"), true);
    hide(part("pause"));
    hero.state("frozen");
    show();
    announcer.notice(t("camera.frozen", { what: told().words }));
    return true;
  }

  async #readFrozen() {
    const { frozen } = this;
    this.frozen = { ...frozen };
    const mine = this.frozen;
    const stands = () => this.frozen === mine && stage.dataset.mode === "frozen";
    status.unsay("refused", "server");
    clear("frozen", t("verdict.reading"), t("verdict.with-server"));
    try {
      const { faces } = await waitFor(patiently(() => api.predict(mine.blob, { model: app.model.name, hide: hiddenFrom(app.model) })));
      if (!stands()) return;
      app.last = { ...mine, faces: faces.filter(ok) };
      show();
      announcer.once(told().words);
      this.onPicture({ blob: mine.blob });
    } catch (error) {
      if (!stands()) return;
      clear("frozen", t("verdict.no-prediction"), t("verdict.none-of-this"));
      await tell(error, { modelsChanged: () => this.models.changed(), stands });
    }
  }

  mirror(on, { keep = false } = {}) {
    app.mirrored = on;
    press(part("mirror"), on);
    if (keep) remember("mirror", on ? null : "off");
    stage.classList.toggle("mirrored", on);
    if (app.last !== null) show();
  }

  /** Another model reads from now on, or another half is hidden: what is told starts anew, and what is frozen is read again. */
  afresh() {
    if (stage.dataset.mode === "frozen") this.#readFrozen();
    if (!inCamera()) return;
    // What the one before is still asked about is not shown as this one's.
    if (this.live.running) {
      this.live.stop();
      status.unsay("live", "refused");
      this.live.start();
      hero.state("live");
    }
    timeline.reset();
    announcer.reset();
  }

  #predicted({ response, blob, size, picture, roundTrip }) {
    const faces = app.steady.faces(response.faces.filter(ok));
    app.last = { faces: this.people.number(faces), blob, size, picture: null, still: picture };
    show();
    const face = chosenFace();
    // The share of a label that the model has left would be told with it.
    if (faces.length !== 1 || !faces[0].leaving) announcer.live(told());
    timeline.add(face, app.model.labels);
    const seen = ordered();
    part("people").hidden = seen.length === 0;
    listPeople(part("people-list"), seen);
    if ((seen.length > 0) !== (this.crowd > 0)) tones.earcon(seen.length > 0 ? "found" : "lost");
    this.crowd = seen.length;
    if (this.aim.on) this.aim.picture({ face: response.faces.find(ok) ?? null, size, light: brightness(picture), towards: app.towards });
    this.#showRate(response.ms, roundTrip);
    this.onFace(face);
    this.onPicture({ blob, stream: this.stream });
  }

  #troubled(kind, error) {
    if (kind === "refused") {
      clear("refused", t("verdict.no-prediction"), t("verdict.refused"));
      tell(error, { modelsChanged: () => this.models.changed(), stands: () => this.live.trouble === kind });
    } else {
      const [label, lines] = trouble(kind);
      clear(kind, label, t("verdict.no-current"));
      status.say(lines, { because: "live" });
    }
    this.crowd = 0;
    this.onFace(null);
  }

  async #recovered(kind) {
    hero.state("live");
    status.unsay("live", "refused");
    if (kind === "refused") return;
    if ((kind === "lost" || kind === "silent") && (await this.models.changed())) return;
    // It may have gone again before it said so.
    if (!this.live.well) return;
    tellBack(t(kind === "camera" ? "camera.back" : "server.back"));
  }

  #lost(lines) {
    this.live.stop();
    const wanted = this.camera.wanted;
    this.setMode("empty");
    // It goes on by itself once the camera is there again.
    this.camera.wanted = wanted;
    status.say(lines, { because: "camera" });
  }

  #visible(visible) {
    if (!inCamera() || this.paused) return;
    if (visible) this.#resume();
    else this.#rest(t("camera.hidden"));
  }

  #rest(words) {
    this.live.stop();
    clear("paused", t("verdict.paused"), words);
    this.onFace(null);
    announcer.notice(words);
  }

  #resume() {
    status.unsay("live", "refused", "server");
    this.live.start();
    hero.state("live");
    announcer.notice(t("camera.again"));
  }

  async #listCameras() {
    const devices = await this.camera.devices();
    if (!inCamera()) return;
    part("camera-choice").replaceChildren(...devices.map(({ id, name }) => new Option(name, id)));
    if (this.camera.device) part("camera-choice").value = this.camera.device;
    part("which-camera").hidden = devices.length < 2;
  }

  async #change(device) {
    this.device = device;
    this.live.stop();
    await this.start();
  }

  #showRate(serverMs, roundTrip) {
    const now = performance.now();
    const rate = part("rate");
    if (!rate.hidden && now - this.rateAt < RATE_MS) return;
    this.rateAt = now;
    rate.hidden = false;
    rate.dataset.perSecond = this.live.rate().toFixed(1);
    rate.textContent = t("rate", { count: Math.round(this.live.rate()), all: number(roundTrip, 0), server: number(serverMs, 0) });
  }
}
