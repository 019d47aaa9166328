// How the page is listened to: speech, its rate and pace, sounds, aiming by ear, large text. All of it is kept in the address.

import { announcer, app, hide, part, press, pressed, show, status, told, tones, voice } from "./app.js";
import { choice, pick, remember } from "./choices.js";
import { handed, handOver, reload } from "./handover.js";
import { language, languages, t } from "./i18n.js";

/** A switch; `name`: of its place in the address, which holds `unusual` where it is not as usual. */
function toggle(id, name, { usual = false, unusual = "on" }, turn) {
  const set = (on) => {
    const is = turn(on) ?? on;
    press(part(id), is);
    remember(name, is === usual ? null : unusual);
  };
  part(id).addEventListener("click", () => set(!pressed(part(id))));
  if (choice(name) === unusual) set(!usual);
}

/** `aim`: the Aim that a switch turns on; gives {say, keysOn}: the key's action, and whether single keys are on. */
export function setUpListening(aim) {
  toggle("large-text", "text", { unusual: "large" }, (on) => {
    document.documentElement.classList.toggle("large", on);
    if (app.last !== null) show();
  });
  toggle("speak", "speak", {}, (on) => {
    announcer.speak(on);
    if (on && !voice.canSpeak) status.say([t("voice.none")], { because: "speech" });
    else if (on) {
      tellWhoSpeaks();
      // Browsers find their voices a moment later.
      speechSynthesis.addEventListener?.("voiceschanged", tellWhoSpeaks, { once: true });
    }
    return voice.on;
  });
  toggle("sounds", "sounds", {}, (on) => tones.turn(on));
  toggle("aim", "aim", {}, (on) => {
    aim.on = on;
    aim.reset();
  });
  toggle("keys", "keys", { usual: true, unusual: "off" }, () => {});
  pick(part("say-when"), "say", (when) => announcer.pace(when));
  pick(part("say-sure"), "sure", (sure) => (app.sure = sure === "sure"));
  pick(part("rate-of-speech"), "rate", (rate) => (voice.rate = Number(rate)));
  setUpLanguages();
  const say = () => {
    const [state, label] = ["state", "verdict-label"].map((id) => part(id).textContent);
    announcer.now(app.last !== null ? told().words : state === label ? label : t("say.state", { state, label }));
    return true;
  };
  part("say").addEventListener("click", say);
  return { say, keysOn: () => pressed(part("keys")) };
}

function tellWhoSpeaks() {
  if (voice.on && voice.speaksLanguage === false) status.say([t("voice.no-language")], { because: "speech" });
}

function setUpLanguages() {
  const list = part("language");
  list.replaceChildren(...Object.entries(languages).map(([tag, name]) => Object.assign(new Option(name, tag), { lang: tag })));
  list.value = language;
  const button = part("language-use");
  const use = () => {
    remember("lang", list.value);
    reload();
  };
  // Arrow keys pass over languages that nobody wants: of those, one is taken by Enter or by the button.
  let byKeys = false;
  list.addEventListener("pointerdown", () => (byKeys = false));
  list.addEventListener("keydown", (event) => {
    byKeys = true;
    if (event.key !== "Enter" || list.value === language) return;
    event.preventDefault();
    use();
  });
  list.addEventListener("change", () => {
    hide(button, list.value === language);
    if (!byKeys && list.value !== language) use();
  });
  button.addEventListener("click", use);
  handOver("focus", () => list.id);
  if (handed("focus") !== null) list.focus();
}
