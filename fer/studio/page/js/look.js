// One's own pictures and the camera with the models of runs; confused pairs and confident mistakes.

import { post, send } from "./api.js";
import { announce, el, faceImage, fill, labelsOf, message, newest, offer, percent, pngAddress, redraw, select, svg } from "./dom.js";
import { listen, models, store } from "./store.js";

const MOST = 6;
const OFFERED = 24;
const FACES = 12;
const LIVE_SIDE = 480;
// With the camera, other labels are told at most this often.
const TELL_MS = 3000;
// Below this a label has so little that its map is called faint, as on the live page.
const FAINT = 0.1;

export class LookView {
  constructor(node) {
    this.told = message();
    this.chosen = new Set();
    this.blob = null;
    // Of what the answers that are shown tell.
    this.seen = null;
    // The camera that is being waited for, while the browser asks whether it may be used.
    this.wish = null;
    this.face = 0;
    this.runs = el("div.row", { role: "group", "aria-label": "Runs to look with" });
    this.file = el("input", { type: "file", id: "look-file", accept: "image/*", onchange: () => this.take(this.file.files[0]) });
    this.camera = el("button", { type: "button", onclick: () => this.told.during(() => (this.stream ? this.stopCamera() : this.startCamera())) }, "Start camera");
    this.video = el("video", { playsInline: true, muted: true, hidden: true });
    this.video.setAttribute("aria-label", "Your camera");
    this.picture = el("img.picture", { alt: "The picture you chose", hidden: true });
    this.faceChoice = el("div.row", { role: "group", "aria-label": "Which face" });
    this.label = select([["", "each run's own answer"]], "", { id: "look-label", onchange: () => this.again() });
    this.detector = select([["auto", "auto"]], "auto", { id: "look-detector", onchange: () => this.again() });
    this.corruption = select([["", "nothing"]], "", { id: "look-corruption", onchange: () => this.again() });
    this.boxes = svg("svg", { "aria-hidden": "true" });
    const much = el("output", { htmlFor: "look-severity" }, "1 of 5");
    this.severity = el("input", { type: "range", id: "look-severity", min: "1", max: "5", value: "1", onchange: () => this.again(), oninput: () => fill(much, `${this.severity.value} of 5`) });
    this.covers = el("input", { type: "checkbox", onchange: () => this.again() });
    this.maps = el("input", { type: "checkbox", checked: true, onchange: () => this.again() });
    this.answers = el("div.answers", { id: "answers" });
    const mistakes = (this.mistakes = new Mistakes());
    fill(node,
      el("section", { "aria-labelledby": "look-title" }, el("h2", { id: "look-title" }, "Look"),
        el("p.hint", {}, "A picture of your own, or the camera, with the models of one run or several. It stays on this computer and is stored nowhere."),
        this.runs,
        el("div.stage", {},
          el("div", {},
            el("div.row", {}, el("label", { for: "look-file" }, "Picture"), this.file, this.camera),
            el("div.frame", {}, this.video, this.picture, this.boxes), this.faceChoice,
            el("div.row", {}, el("label", { for: "look-label" }, "Evidence for"), this.label),
            el("div.row", {}, el("label", {}, this.maps, "Grad-CAM"), el("label", {}, this.covers, "cover halves")),
            el("div.row", {}, el("label", { for: "look-corruption" }, "Spoil with"), this.corruption),
            el("div.row", {}, el("label", { for: "look-severity" }, "how much"), this.severity, much),
            el("div.row", {}, el("label", { for: "look-detector" }, "Find faces by"), this.detector)),
          el("div", {}, this.told.node, this.answers))),
      mistakes.node);
    this.asked = newest();
    listen(() => this.drawRuns());
  }

  async show() {
    this.drawRuns();
    if (this.ready) return;
    this.ready = true;
    this.ready = await this.told.during(async () => {
      const { corruptions, detectors } = await post("api/corruptions");
      this.corruption.append(...corruptions.map((each) => new Option(each.title, each.name)));
      fill(this.detector, detectors.map((each) => new Option(each === "none" ? "none: the whole picture is the face" : each, each)));
    }, "Starting the process that loads models…");
  }

  choose(names) {
    this.chosen = new Set(names.slice(0, MOST));
    this.drawn = null;
    this.drawRuns();
    this.again();
  }

  drawRuns() {
    const there = models();
    // Who ticks a run by hand has it where it is; another order would move it from under them.
    const now = JSON.stringify(there.map((entry) => entry.id));
    if (now === this.drawn) return;
    this.drawn = now;
    if (this.chosen.size === 0 && there.length > 0) this.chosen.add([...there].sort((a, b) => (b.accuracy ?? 0) - (a.accuracy ?? 0))[0].id);
    // Those that are looked with come first; of many runs, the best.
    const sorted = [...there].sort((a, b) => this.chosen.has(b.id) - this.chosen.has(a.id) || (b.accuracy ?? 0) - (a.accuracy ?? 0));
    const rest = sorted.length > OFFERED ? el("p.hint", {}, `The best ${OFFERED} of ${sorted.length}: open another one under Runs and press Look there.`) : null;
    redraw(this.runs, () => fill(this.runs, sorted.length === 0 ? el("p.hint", {}, "No run has a model yet: train one first.") : sorted.slice(0, OFFERED).map((entry) => {
      const box = el("input", { type: "checkbox", checked: this.chosen.has(entry.id), onchange: () => {
        if (box.checked && this.looking().length >= MOST) {
          box.checked = false;
          this.told.say(`At most ${MOST} runs look at once: take another one out first.`);
          return;
        }
        if (box.checked) this.chosen.add(entry.id);
        else this.chosen.delete(entry.id);
        this.offerLabels();
        this.again();
      } });
      return el("label", { "data-item": entry.id }, box, `${entry.id} (${percent(entry.accuracy)})`);
    }), rest));
    this.offerLabels();
    this.mistakes.offer(sorted.map((entry) => entry.id));
  }

  /** The chosen runs, as far as they are still there. */
  looking() {
    return [...this.chosen].filter((name) => store.entries.has(name)).slice(0, MOST);
  }

  offerLabels() {
    const chosen = [...this.chosen].map((name) => store.entries.get(name)).filter(Boolean);
    offer(this.label, [["", "each run's own answer"], ...labelsOf(chosen).map((each) => [each, each])]);
  }

  async take(file) {
    if (!file) return;
    this.stopCamera();
    // What is still asked about the picture before is not shown with this one.
    this.asked();
    this.blob = file;
    this.face = 0;
    for (const each of [this.boxes, this.answers, this.faceChoice]) fill(each);
    const address = URL.createObjectURL(file);
    // No browser shows every kind that can be read, such as TIFF: fer-studio shows it then.
    const shows = await Object.assign(new Image(), { src: address }).decode().then(() => true, () => false);
    if (this.blob !== file) {
      URL.revokeObjectURL(address);
      return;
    }
    this.picture.alt = "The picture you chose";
    if (shows) this.showPicture(address);
    else URL.revokeObjectURL(address);
    this.picture.hidden = !shows;
    await this.again();
  }

  /** The picture before is let go: a spoilt one comes anew with each setting. */
  showPicture(address) {
    URL.revokeObjectURL(this.picture.src);
    this.picture.src = address;
  }

  /** Asks again with what is chosen now; of several wishes, the last one counts. */
  async again() {
    if (this.blob === null || this.stream) return;
    if (this.asking) {
      this.wanted = true;
      return;
    }
    this.asking = true;
    await this.told.during(() => this.ask(this.blob), "Looking… (the first time, the model is loaded)");
    this.asking = false;
    if (this.wanted) {
      this.wanted = false;
      await this.again();
    }
  }

  async ask(blob) {
    const names = this.looking();
    if (names.length === 0) throw new Error("Choose a run to look with.");
    const stands = this.asked();
    let found;
    try {
      found = await send("api/look_at", blob, {
        run: names, label: this.label.value || null, detector: this.detector.value, corruption: this.corruption.value || null,
        severity: this.severity.value, maps: this.maps.checked ? 1 : 0, covers: this.covers.checked ? 1 : 0, face: this.face,
        shown: this.picture.hidden && !this.stream ? 1 : null,
      });
    } catch (error) {
      if (!stands()) return;
      // What was read in an earlier picture is not left standing.
      this.seen = null;
      fill(this.answers);
      fill(this.boxes);
      throw error;
    }
    if (!stands()) return;
    this.seen = blob;
    if (found.image.shown) {
      this.showPicture(pngAddress(found.image.shown));
      this.picture.hidden = false;
    }
    this.drawBoxes(found);
    this.offerFaces(found);
    fill(this.answers, names.map((name) => answer(name, found.results[name])));
    this.tell(names, found.results);
  }

  /** What the runs read, for whoever does not see it: of a picture once, of the camera when it changes. */
  tell(names, results) {
    const words = (name, { label, confidence, uncertain }) => `${names.length > 1 ? `${name}: ` : ""}${label}${this.stream ? "" : `, ${percent(confidence, 0)}`}${uncertain ? ", uncertain" : ""}`;
    const told = names.map((name) => words(name, results[name])).join("; ");
    const now = performance.now();
    if (this.stream && (told === this.lastTold || now - this.toldAt < TELL_MS)) return;
    [this.lastTold, this.toldAt] = [told, now];
    announce(told);
  }

  offerFaces({ boxes, face }) {
    const count = boxes.length < 2 ? 0 : Math.min(boxes.length, FACES);
    // The same buttons stay, and with them the focus.
    if (this.faceChoice.childElementCount !== count) {
      fill(this.faceChoice, [...Array(count).keys()].map((place) => el("button", { type: "button", onclick: () => {
        this.face = place;
        this.again();
      } }, `face ${place + 1}`)));
    }
    [...this.faceChoice.children].forEach((button, place) => button.setAttribute("aria-pressed", String(place === face)));
  }

  /** Which face is looked at. */
  drawBoxes({ image, boxes, face }) {
    this.boxes.setAttribute("viewBox", `0 0 ${image.width} ${image.height}`);
    const side = Math.max(image.width, image.height);
    fill(this.boxes, boxes.slice(0, FACES).flatMap(([x, y, width, height], place) => {
      const box = svg("rect", { x, y, width, height, class: place === face ? "chosen" : "" });
      return boxes.length < 2 ? [box] : [box, svg("text", { x: x + side / 80, y: y + side / 18, "font-size": side / 20 }, String(place + 1))];
    }));
  }

  async startCamera() {
    if (!navigator.mediaDevices) throw new Error("Browsers give a camera only to pages of this computer: open this page as http://localhost.");
    const wish = (this.wish = {});
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { width: { ideal: 640 }, height: { ideal: 480 } } });
    } catch (error) {
      if (this.wish !== wish) return;
      throw new Error(error.name === "NotFoundError" ? "No camera was found: plug one in, or choose a picture." : "The camera did not start: allow it beside the address, or choose a picture.");
    }
    // Whoever has gone to another part meanwhile, chosen a picture or pressed once more, wants this one no longer.
    if (this.wish !== wish) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.stream = stream;
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => {
      this.stopCamera();
      this.told.say("The camera went away: plug it in and start it again, or choose a picture.");
    });
    // What is still asked about a picture is not shown with the camera's.
    this.asked();
    for (const each of [this.boxes, this.answers, this.faceChoice]) fill(each);
    this.seen = null;
    // The same file can be chosen again: it is one that was not there before.
    this.file.value = "";
    this.video.srcObject = stream;
    this.video.hidden = false;
    this.picture.hidden = true;
    this.camera.textContent = "Stop camera";
    this.face = 0;
    await this.video.play();
    this.live(stream);
  }

  /** Of whoever has gone to another part of the studio, no picture is taken. */
  hide() {
    this.stopCamera();
  }

  stopCamera() {
    this.wish = null;
    if (!this.stream) return;
    this.asked();
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    this.video.hidden = true;
    this.camera.textContent = "Start camera";
    // What is told stays, and so does what it is told of: other runs and settings look at that.
    this.blob = this.seen;
    if (this.seen === null) return;
    this.showPicture(URL.createObjectURL(this.seen));
    this.picture.alt = "The last picture of the camera";
    this.picture.hidden = false;
  }

  /** Looks until this stream is stopped; another one has a loop of its own. */
  async live(stream) {
    const canvas = document.createElement("canvas");
    while (this.stream === stream) {
      const scale = Math.min(1, LIVE_SIDE / Math.max(this.video.videoWidth, 1));
      canvas.width = Math.max(1, Math.round(this.video.videoWidth * scale));
      canvas.height = Math.max(1, Math.round(this.video.videoHeight * scale));
      canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
      if (this.stream !== stream) return;
      const fine = await this.told.during(() => this.ask(blob), "", { again: true });
      // The one that was looked at may have left.
      if (!fine) this.face = 0;
      await new Promise((resolve) => setTimeout(resolve, document.hidden || !fine ? 1000 : 60));
    }
  }
}

function bars(probabilities, label) {
  return el("ul.bars", {}, Object.entries(probabilities).map(([name, share]) => {
    const fillBar = el("span");
    fillBar.style.transform = `scaleX(${share})`;
    const words = [el("span", {}, name), el("span.bar", { "aria-hidden": "true" }, fillBar), el("span.num", {}, percent(share, 0))];
    return el("li", {}, name === label ? words.map((each, place) => (place === 1 ? each : el("strong", {}, each))) : words);
  }));
}

function answer(name, found) {
  const share = found.probabilities[found.map_label];
  const words = `${found.map_method}: what speaks for ${found.map_label}${share < FAINT ? `; faint, for it has only ${percent(share, 0)}` : ""}`;
  const face = el("figure", {}, heat(found, share), found.map_label ? el("figcaption", {}, words) : null);
  return el("div.answer", { "data-run": name }, el("h3", {}, name), el("p.verdict", {}, found.label, found.uncertain ? el("span.hint", {}, " uncertain") : null), face, bars(found.probabilities, found.label),
    found.covers ? el("ul.faces", {}, found.covers.slice(1).map((each) => el("li", {}, faceImage(each.face, `${each.hidden} half covered`), el("p", {}, `${each.hidden} half covered: ${each.label} ${percent(each.confidence, 0)}`)))) : null,
    found.sentence ? el("p", {}, found.sentence) : null);
}

/** The face under its map, which shows as strong as what it explains is likely: its highest value is 1 whatever that is. */
function heat(found, share) {
  const image = faceImage(found.crop, `The face as the net sees it${found.map_label ? `, with what speaks for ${found.map_label}` : ""}`);
  if (!found.map) return image;
  const side = found.map.length;
  const cells = found.map.flatMap((row, y) => row.map((value, x) => [x, y, value]).filter(([, , value]) => value > 0.05));
  const map = svg("svg", { viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" }, cells.map(([x, y, value]) => svg("rect", { x, y, width: 1.05, height: 1.05, fill: `hsl(${50 - 50 * value} 95% 55%)`, opacity: (0.75 * share * value).toFixed(3) })));
  return el("div.overlay", {}, image, map);
}

class Mistakes {
  constructor() {
    this.told = message();
    this.asked = newest();
    this.run = select([], "", { id: "mistakes-run" });
    this.result = el("div");
    this.node = el("section", { "aria-labelledby": "mistakes-title" }, el("h2", { id: "mistakes-title" }, "Confused pairs and confident mistakes"),
      el("p.hint", {}, "On the validation faces of a finished run, which select its best epoch and train nothing."),
      el("div.row", {}, el("label", { for: "mistakes-run" }, "Run"), this.run, el("button", { type: "button", onclick: () => this.show(this.run.value, null, null) }, "Show")), this.told.node, this.result);
  }

  offer(names) {
    const chosen = this.run.value;
    fill(this.run, names.map((name) => new Option(name, name)));
    if (names.includes(chosen)) this.run.value = chosen;
  }

  /** Of the counts in a table, those of its own run are shown, whichever is chosen above by now. */
  show(run, label, predicted) {
    return this.told.during(async () => {
      const stands = this.asked();
      const found = await post("api/mistakes", { run, true: label, predicted });
      if (!stands()) return;
      const heads = found.labels;
      const rows = found.confusion.map((row, place) => {
        const sum = row.reduce((a, b) => a + b, 0) || 1;
        return el("tr", {}, el("th", { scope: "row" }, heads[place]), row.map((count, other) => {
          const level = Math.min(3, Math.floor((count / sum) * 10));
          return el(`td.heat-${level}`, {}, place === other ? String(count) : el("button", { type: "button", "aria-label": `${count} ${heads[place]} ${count === 1 ? "face" : "faces"} taken for ${heads[other]}`, onclick: () => this.show(run, heads[place], heads[other]) }, String(count)));
        }));
      });
      const which = label === null ? `mistakes of ${run}` : `${label} taken for ${predicted} by ${run}`;
      const shown = found.faces.length < found.count ? `; the ${found.faces.length} most confident` : ", the most confident first";
      const title = el("h3", { tabindex: "-1" }, `${found.count} of ${found.of} faces: ${which}${found.count > 1 ? shown : ""}`);
      fill(this.result,
        el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Confusion matrix" }, el("table.narrow.confusion", {}, el("caption", {}, "True label in rows, answer in columns. Press a count to see its faces."), el("thead", {}, el("tr", {}, el("td"), heads.map((each) => el("th", { scope: "col" }, each)))), el("tbody", {}, rows))),
        title, found.note ? el("p.hint", {}, found.note) : null,
        el("ul.faces", {}, found.faces.map((each) => el("li", {}, each.face ? faceImage(each.face, `A face labelled ${each.true}`) : null, el("p", {}, `${each.true}, taken for ${each.predicted} (${percent(each.confidence, 0)})`)))));
      // The count that was pressed is gone with the table it stood in.
      title.focus({ preventScroll: true });
    }, "Reading the predictions…");
  }
}
