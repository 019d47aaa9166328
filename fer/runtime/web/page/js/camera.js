// The camera: choosing and starting it, and saying in words why it does not start or went away.

import { t } from "./i18n.js";

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const KNOWN = ["NotAllowedError", "NotFoundError", "NotReadableError"];

/** The camera cannot be had; `lines` say why, and what to do. */
export class NoCamera extends Error {
  constructor(name, lines) {
    super(lines.join(" "));
    this.name = name;
    this.lines = lines;
  }
}

/** Those who cannot see point a phone at others: there, the camera at the back comes first. */
export const firstTowards = () => (matchMedia("(pointer: coarse)").matches && navigator.maxTouchPoints > 0 ? "environment" : "user");

export class Camera {
  /** `onLost(lines)`: it stopped without being asked. `onBack()`: worth another try now. */
  constructor(video, { onLost, onBack }) {
    this.video = video;
    this.onLost = onLost;
    this.stream = null;
    this.wanted = false;
    const back = () => {
      if (this.wanted && this.stream === null) onBack();
    };
    navigator.mediaDevices?.addEventListener("devicechange", back);
    navigator.permissions?.query({ name: "camera" }).then(
      (permission) => permission.addEventListener("change", () => permission.state === "granted" && back()),
      () => {}, // Firefox before 132 does not know this permission: the button still works.
    );
  }

  /** `device`: one of `devices()`, or null for the one that looks `towards` "user" or "environment". */
  async start({ device = null, towards = "user" } = {}) {
    this.wanted = true;
    if (!navigator.mediaDevices) throw new NoCamera("Insecure", [t("camera.insecure"), t("camera.insecure.do")]);
    const which = device === null ? { facingMode: { ideal: towards } } : { deviceId: { exact: device } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...SIZE, ...which } });
    } catch (error) {
      const kind = KNOWN.includes(error.name) ? error.name : "other";
      throw new NoCamera(error.name, [t(`camera.${kind}`, { name: error.name }), t(`camera.${kind}.do`)]);
    }
    if (!this.wanted) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#release();
    this.stream = stream;
    const [track] = stream.getVideoTracks();
    this.towards = track.getSettings().facingMode ?? "user";
    this.device = track.getSettings().deviceId;
    track.addEventListener("ended", () => {
      if (this.stream !== stream) return;
      this.#release();
      this.onLost([t("camera.gone"), t("camera.gone.do")]);
    });
    this.video.srcObject = stream;
    // Taken away again before it played, it never will.
    await this.video.play().catch((error) => {
      if (this.stream === stream) throw error;
    });
  }

  /** The cameras there are: [{id, name}]; browsers tell only once one may be used. */
  async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter((each) => each.kind === "videoinput").map((each, index) => ({ id: each.deviceId, name: each.label || t("camera.number", { number: index + 1 }) }));
  }

  stop() {
    this.wanted = false;
    this.#release();
  }

  #release() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}
