// The page: what it is made of, and what happens when.

import { app, choose, hide, inCamera, overlay, part, show } from "./app.js";
import * as api from "./api.js";
import { Comparison } from "./compare.js";
import { DriftPanel } from "./drift.js";
import { handed } from "./handover.js";
import { loadMessages, t } from "./i18n.js";
import { setUpInstall } from "./install.js";
import { setUpKeys } from "./keys.js";
import { setUpListening } from "./listening.js";
import { Models } from "./models.js";
import { Pictures } from "./pictures.js";
import { Practise } from "./practise.js";
import { Reader } from "./reader.js";
import { setUpWays } from "./ways.js";
import { setUpWhys } from "./whys.js";

await loadMessages();

const comparison = new Comparison();
const models = new Models({
  onChange() {
    comparison.clear();
    reader.afresh();
    pictures.changed();
    hide(part("explanation"));
    driftPanel.refresh();
  },
  onOther() {
    comparison.clear();
    if (app.last !== null && !inCamera()) comparison.picture(app.last);
  },
});
const reader = new Reader({
  models,
  onFace: (face) => app.way === "practise" && practise.see(face),
  onStart: () => pictures.stop(),
  onPicture: (picture) => app.way === "examine" && comparison.picture(picture),
});
const pictures = new Pictures({
  reader,
  models,
  onAnswer(picture) {
    driftPanel.refresh();
    comparison.picture(picture);
  },
  onPhotos: (files) => practise.use(files),
});
const practise = new Practise({ reader, models });
const driftPanel = new DriftPanel(part("drift"), () => app.model?.name ?? null);

const listening = setUpListening(reader.aim);
setUpWhys(models);
setUpInstall();
setUpKeys({ s: listening.say, p: () => reader.pause(), f: () => reader.freeze(), n: () => practise.key("n"), ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((digit) => [digit, () => practise.key(digit)])) }, listening.keysOn);
reader.setMode("empty");
setUpWays((way) => {
  const before = app.way;
  app.way = way;
  if (way === "practise" || before === "practise") {
    pictures.forget();
    reader.setMode("empty");
  }
  practise.enter(way === "practise");
});

part("overlay").addEventListener("click", (event) => {
  const face = app.last === null ? null : overlay.at(event);
  if (face !== null) choose(face.face);
});
addEventListener("resize", () => app.last !== null && show());
part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.useToken(part("token").value.trim());
  models.connect();
});
if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
  part("privacy-place").textContent = t("privacy.there", { host: location.hostname });
  part("privacy-words").textContent = t("privacy.words.there", { host: location.hostname });
}
// On small screens the numbers come when they are asked for.
if (!matchMedia("(min-width: 62rem)").matches) part("details").open = false;
const { way } = app;
await models.connect();
// Another language goes on with the files and with the camera; who has taken another way meanwhile is left there.
if (handed("camera") !== null) {
  await pictures.reading;
  if (app.way === way && !reader.running) await reader.resume(handed("camera"));
}
