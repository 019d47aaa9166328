// The camera: starting it, and saying in words why it does not start or went away.

const WISH = { audio: false, video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 }, facingMode: "user" } };

const REASONS = {
  NotAllowedError: [
    "The browser does not let this page use the camera.",
    "Allow it with the camera or lock symbol beside the address: the page goes on by itself. Or choose a picture.",
  ],
  NotFoundError: ["No camera was found.", "Plug one in: it starts by itself. Or choose a picture."],
  NotReadableError: ["The camera is there, but does not answer.", "Another program may be using it: close that program, then press Start camera."],
};

/** The camera cannot be had; `lines` say why, and what to do. */
export class NoCamera extends Error {
  constructor(name, lines) {
    super(lines.join(" "));
    this.name = name;
    this.lines = lines;
  }
}

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

  async start() {
    this.wanted = true;
    if (!navigator.mediaDevices) {
      throw new NoCamera("Insecure", [
        "Browsers give a camera only to pages of this computer (localhost) or over https.",
        "Open this page on the computer that runs fer-serve, as http://localhost. Or choose a picture.",
      ]);
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia(WISH);
    } catch (error) {
      throw new NoCamera(error.name, REASONS[error.name] ?? [`The camera did not start (${error.name}).`, "Press Start camera to try again, or choose a picture."]);
    }
    if (!this.wanted) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (this.stream !== stream) return;
      this.#release();
      this.onLost(["The camera went away.", "Plug it in again: the page goes on by itself. Or choose a picture."]);
    });
    this.video.srcObject = stream;
    await this.video.play();
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
