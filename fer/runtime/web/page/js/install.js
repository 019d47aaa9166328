// Keeping the page itself on this device, so that it opens without its server; only when asked for, and undone likewise.

import { part, press, pressed, status } from "./app.js";
import { t } from "./i18n.js";

const WORKER = "sw.js";
const PATIENCE_MS = 15_000;

async function registered() {
  return (await navigator.serviceWorker.getRegistration("./")) !== undefined;
}

async function keep() {
  await navigator.serviceWorker.register(WORKER, { scope: "./" });
  // A worker that fails to fill its shelf never gets ready.
  const tooLong = new Promise((_, fail) => setTimeout(() => fail(new Error("timeout")), PATIENCE_MS));
  await Promise.race([navigator.serviceWorker.ready, tooLong]);
}

async function forget() {
  const registration = await navigator.serviceWorker.getRegistration("./");
  // The worker empties its shelf before it goes.
  registration?.active?.postMessage("forget");
  await registration?.unregister();
}

export async function setUpInstall() {
  const button = part("offline");
  // Browsers have it for localhost and https alone.
  if (!("serviceWorker" in navigator)) {
    button.hidden = true;
    return;
  }
  button.addEventListener("click", async () => {
    try {
      if (pressed(button)) await forget();
      else await keep();
      press(button, !pressed(button));
      status.say([t(pressed(button) ? "offline.kept" : "offline.forgotten")], { kind: "good", because: "offline" });
    } catch {
      status.say([t("offline.refused")], { because: "offline" });
    }
  });
  press(button, await registered());
}
