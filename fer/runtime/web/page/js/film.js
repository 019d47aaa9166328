// A video file: its pictures in equal steps, and a copy with the predictions drawn into it.

import { lastPicture } from "./recorded.js";
import { draw, encoded } from "./upload.js";

/** Seconds between two pictures that are looked at. */
export const STEP_S = 0.5;
const LONGEST = 640;
const COPY_LONGEST = 1280;
const COPY_FPS = 25;
/** Between two looks whether the end of a copy has been encoded; after so many that found nothing more, nothing comes. */
const COPY_END_MS = 700;
const COPY_LOOKS = 4;
/** So much may be missing: the recorder begins a moment after it is told to. */
const COPY_SHORT_S = 0.15;
const PATIENCE_MS = 8000;
const SHOWN_MS = 1000;
/** Beyond the end of every film. */
const FAR_S = 1e7;

/** The browser cannot play it. */
export class NoFilm extends Error {}

function happens(element, event) {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new NoFilm("timeout")), PATIENCE_MS);
    element.addEventListener(event, () => (clearTimeout(timer), done()), { once: true });
    element.addEventListener("error", () => (clearTimeout(timer), fail(new NoFilm("error"))), { once: true });
  });
}

/** A browser says that it has a picture before it can be drawn: until it is, the one before (or none) would be drawn. */
function shown(video) {
  if (!("requestVideoFrameCallback" in video)) return Promise.resolve();
  return new Promise((done) => {
    // A page that is out of sight is told nothing.
    const timer = setTimeout(done, SHOWN_MS);
    video.requestVideoFrameCallback(() => (clearTimeout(timer), done()));
  });
}

/** What has not been encoded when a recorder stops is lost, and a busy computer is late: waits until `whole` seconds are there. */
async function settled(recorder, parts, whole) {
  let last = 0;
  for (let looks = 0; looks < COPY_LOOKS && last < whole; looks += 1) {
    await new Promise((done) => setTimeout(done, COPY_END_MS));
    const handed = new Promise((done) => recorder.addEventListener("dataavailable", done, { once: true }));
    recorder.requestData();
    await handed;
    const now = await lastPicture(new Blob(parts));
    if (now > last) looks = 0;
    last = now;
  }
}

export class Film {
  /** Throws `NoFilm`. Close it after use. */
  static async open(file) {
    const film = new Film();
    film.canvas = document.createElement("canvas");
    film.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
    film.address = URL.createObjectURL(file);
    // Else the picture that it begins with could be taken for the first one that is sought.
    const ready = Promise.all([happens(film.video, "loadeddata"), shown(film.video)]);
    film.video.src = film.address;
    try {
      await ready;
      film.length = await film.#findEnd();
    } catch (error) {
      film.close();
      throw error;
    }
    return film;
  }

  /** What `work(film)` gives of a film that is open meanwhile. Throws `NoFilm`. */
  static async use(file, work) {
    const film = await Film.open(file);
    try {
      return await work(film);
    } finally {
      film.close();
    }
  }

  close() {
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.address);
  }

  get size() {
    return [this.video.videoWidth, this.video.videoHeight];
  }

  /** In seconds; files that were recorded live do not say, and browsers know it once they have been at the end. */
  async #findEnd() {
    if (!Number.isFinite(this.video.duration)) await this.seek(FAR_S);
    return Number.isFinite(this.video.duration) ? this.video.duration : this.video.currentTime;
  }

  async seek(seconds) {
    // Where it stands already, there is no other picture that could be shown.
    if (this.video.currentTime === seconds) return;
    const there = Promise.all([happens(this.video, "seeked"), shown(this.video)]);
    this.video.currentTime = seconds;
    await there;
  }

  /** The picture at a time, on a canvas that the next one is drawn on too, and as a JPEG to send. */
  async at(seconds) {
    const { canvas } = this;
    await this.seek(seconds);
    const size = draw(this.video, canvas, { size: this.size, longest: LONGEST });
    return { canvas, blob: await encoded(canvas), size };
  }

  /** A copy as WebM, recorded while it plays; `paint(context, seconds, size)` draws into each of its pictures. */
  async copy(paint) {
    const canvas = document.createElement("canvas");
    // A picture that could be seen through is encoded twice.
    canvas.getContext("2d", { alpha: false });
    draw(this.video, canvas, { size: this.size, longest: COPY_LONGEST });
    const recorder = new MediaRecorder(canvas.captureStream(COPY_FPS), { mimeType: "video/webm" });
    const parts = [];
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    const over = new Promise((done) => recorder.addEventListener("stop", done, { once: true }));
    let step;
    let painted;
    const played = new Promise((done) => {
      step = () => {
        const size = draw(this.video, canvas, { size: this.size, longest: COPY_LONGEST });
        paint(canvas.getContext("2d"), this.video.currentTime, size);
        painted = performance.now();
        if (this.video.ended) done();
        else requestAnimationFrame(step);
      };
    });
    await this.seek(0);
    let begun = performance.now();
    let left;
    // Of a page that is out of sight nothing is drawn: film and copy wait until it is seen again.
    const wait = () => {
      if (document.hidden && recorder.state === "recording") {
        left = performance.now();
        recorder.pause();
        this.video.pause();
      } else if (!document.hidden && recorder.state === "paused") {
        begun += performance.now() - left;
        recorder.resume();
        this.video.play().catch(() => {}); // It was hidden again at once.
      }
    };
    recorder.start();
    await this.video.play();
    document.addEventListener("visibilitychange", wait);
    wait();
    step();
    await played;
    document.removeEventListener("visibilitychange", wait);
    await settled(recorder, parts, (painted - begun) / 1000 - COPY_SHORT_S);
    recorder.stop();
    await over;
    return new Blob(parts, { type: "video/webm" });
  }
}
