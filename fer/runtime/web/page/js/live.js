// The live loop: at most one picture under way, and always the newest one next.

import * as api from "./api.js";

const WIDTH = 640;
const QUALITY = 0.8;
const RETRY_MS = 1500;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class Live {
  /**
   * `onPrediction({response, blob, size, roundTrip})`, `onServerGone()`, `onServerBack()`, `onRefused(error)`;
   * `parameters()` are sent along with each picture.
   */
  constructor(video, { parameters, onPrediction, onServerGone, onServerBack, onRefused }) {
    Object.assign(this, { video, parameters, onPrediction, onServerGone, onServerBack, onRefused });
    this.canvas = document.createElement("canvas");
    this.run = 0;
    this.times = [];
  }

  get running() {
    return this.run % 2 === 1;
  }

  start() {
    if (this.running) return;
    this.run += 1;
    this.times = [];
    this.#loop(this.run);
  }

  stop() {
    if (this.running) this.run += 1;
  }

  /** Predictions a second over the last two seconds. */
  rate() {
    const now = performance.now();
    this.times = this.times.filter((at) => at > now - 2000);
    return this.times.length < 2 ? 0 : ((this.times.length - 1) * 1000) / (this.times.at(-1) - this.times[0]);
  }

  async #loop(run) {
    const frames = new FrameCounter(this.video);
    let gone = false;
    while (run === this.run) {
      await frames.next();
      if (run !== this.run) break;
      const blob = await this.#grab();
      if (blob === null || run !== this.run) continue;
      const begun = performance.now();
      try {
        const response = await api.predict(blob, this.parameters());
        if (gone) this.onServerBack();
        gone = false;
        if (run !== this.run) break;
        this.times.push(performance.now());
        const size = [this.canvas.width, this.canvas.height];
        this.onPrediction({ response, blob, size, roundTrip: performance.now() - begun });
      } catch (error) {
        if (error instanceof api.Unreachable) {
          if (!gone) this.onServerGone();
          gone = true;
          await sleep(RETRY_MS);
        } else if (error instanceof api.Refused) {
          // 429 and 503 pass by themselves; everything else has to be told.
          if (error.status !== 429 && error.status !== 503) this.onRefused(error);
          await sleep(Math.max(250, error.retryAfter * 1000));
        } else throw error;
      }
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

  async next() {
    if (!this.fresh) {
      // No picture for a while (hidden page, sleeping camera): look again whether to go on at all.
      await Promise.race([new Promise((done) => (this.waiting = done)), sleep(500)]);
    }
    this.fresh = false;
    this.waiting = null;
  }

  stop() {
    this.live = false;
    this.waiting?.();
  }
}
