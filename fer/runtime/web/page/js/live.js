// The live loop: at most one picture under way, and always the newest one next.

import * as api from "./api.js";

const WIDTH = 640;
const QUALITY = 0.8;

/** How long the page waits before it asks again a server that did not answer. */
export const RETRY_MS = 1500;

/** A prediction of a picture taken longer ago than this is no longer what the camera sees. */
export const STALE_MS = 1500;

const CAMERA_MS = 3000;
const WATCH_MS = 100;
// Cameras and servers may take longer for the first picture.
const START_MS = 3000;
const PATIENCE_MS = 4000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class Live {
  /**
   * `onPrediction({response, blob, size, picture, roundTrip})`; `parameters()` are sent along with each picture.
   * `onTrouble(kind, error)`: what was last predicted no longer holds, because the server is "lost" (nobody is there),
   * "silent" (it does not answer), "busy" or has "refused", or because the "camera" sends no pictures.
   * `onRecovered(kind)`: it does again; the prediction follows.
   */
  constructor(video, { parameters, onPrediction, onTrouble, onRecovered }) {
    Object.assign(this, { video, parameters, onPrediction, onTrouble, onRecovered });
    // The next picture is drawn while the last one that was predicted may still be kept on the screen.
    [this.canvas, this.spare] = [document.createElement("canvas"), document.createElement("canvas")];
    this.run = 0;
    this.times = [];
  }

  get running() {
    return this.run % 2 === 1;
  }

  /** Whether what was last predicted holds, or is about to come. */
  get well() {
    return this.running && this.trouble === null;
  }

  start() {
    if (this.running) return;
    this.run += 1;
    this.times = [];
    this.trouble = null;
    this.asking = false;
    this.busy = false;
    this.freshAt = performance.now() + START_MS;
    this.watch = setInterval(() => this.#look(), WATCH_MS);
    this.#loop(this.run);
  }

  stop() {
    if (!this.running) return;
    this.run += 1;
    clearInterval(this.watch);
  }

  /** Predictions a second over the last two seconds. */
  rate() {
    const now = performance.now();
    this.times = this.times.filter((at) => at > now - 2000);
    return this.times.length < 2 ? 0 : ((this.times.length - 1) * 1000) / (this.times.at(-1) - this.times[0]);
  }

  // Whatever holds the loop up, what is on the screen is not older than it says.
  #look() {
    const now = performance.now();
    // Without pictures, the prediction still is of the one that stands there; a slow computer skips some.
    const still = !this.asking && !this.busy;
    if (now - this.freshAt <= (still ? CAMERA_MS : STALE_MS)) return;
    const silent = this.asking && now - this.askedAt > STALE_MS;
    if (this.trouble === null || (this.trouble === "camera" && silent)) this.#fall(this.asking ? "silent" : this.busy ? "busy" : "camera");
  }

  #fall(kind, error) {
    if (this.trouble === kind) return;
    this.trouble = kind;
    this.times = [];
    this.onTrouble(kind, error);
  }

  async #loop(run) {
    const frames = new FrameCounter(this.video);
    while (run === this.run) {
      if (!(await frames.next()) || run !== this.run) continue;
      const blob = await this.#grab();
      if (blob === null || run !== this.run) continue;
      const begun = performance.now();
      Object.assign(this, { asking: true, askedAt: begun });
      let response = null;
      let failure = null;
      try {
        response = await api.predict(blob, this.parameters(), PATIENCE_MS);
      } catch (error) {
        failure = error;
      }
      if (run !== this.run) break;
      this.asking = false;
      if (failure === null) {
        this.busy = false;
        const roundTrip = performance.now() - begun;
        // An answer that was held up tells of a face that has changed since; the next one comes at once.
        if (roundTrip > STALE_MS) {
          this.#fall("silent");
          continue;
        }
        if (this.trouble !== null) this.onRecovered(this.trouble);
        this.trouble = null;
        this.freshAt = begun;
        this.times.push(performance.now());
        this.onPrediction({ response, blob, size: [this.canvas.width, this.canvas.height], picture: this.canvas, roundTrip });
        [this.canvas, this.spare] = [this.spare, this.canvas];
      } else if (failure instanceof api.Unreachable) {
        this.#fall(failure.late ? "silent" : "lost");
        await sleep(RETRY_MS);
      } else if (failure instanceof api.Refused) {
        // 429 and 503 pass by themselves; everything else has to be told.
        this.busy = failure.status === 429 || failure.status === 503;
        if (!this.busy) this.#fall("refused", failure);
        await sleep(this.busy ? Math.max(250, failure.retryAfter * 1000) : RETRY_MS);
      } else throw failure;
    }
    frames.stop();
  }

  async #grab() {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth === 0) {
      await sleep(30);
      return null;
    }
    const scale = Math.min(1, WIDTH / Math.max(videoWidth, videoHeight));
    const width = Math.round(videoWidth * scale);
    const height = Math.round(videoHeight * scale);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, width, height);
    return new Promise((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY));
  }
}

// Waits for a camera picture newer than the last one taken; one that came meanwhile counts.
class FrameCounter {
  constructor(video) {
    this.video = video;
    this.fresh = true;
    this.waiting = null;
    this.live = true;
    this.#watch();
  }

  #watch() {
    if (!this.live) return;
    const seen = () => {
      this.fresh = true;
      this.waiting?.();
      this.#watch();
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(seen);
    else requestAnimationFrame(seen);
  }

  /** Whether there is one; false after half a second without (sleeping camera), to look whether to go on at all. */
  async next() {
    if (!this.fresh) await Promise.race([new Promise((done) => (this.waiting = done)), sleep(500)]);
    const { fresh } = this;
    this.fresh = false;
    this.waiting = null;
    return fresh;
  }

  stop() {
    this.live = false;
    this.waiting?.();
  }
}
