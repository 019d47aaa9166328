// Large text and speech: buttons whose state is kept in the address.

import { choice, remember } from "./choices.js";

export function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

const pressed = (button) => button.getAttribute("aria-pressed") === "true";

/** `part(id)` finds the page's elements; `onResize()`: what is drawn has another size now. */
export function setUpAids(part, { announcer, voice, status, onResize }) {
  function largeText(on) {
    press(part("large-text"), on);
    remember("text", on ? "large" : null);
    document.documentElement.classList.toggle("large", on);
    onResize();
  }

  function speak(on) {
    announcer.speak(on);
    press(part("speak"), voice.on);
    remember("speak", voice.on ? "on" : null);
    if (on && !voice.canSpeak) status.say(["This browser cannot speak."], { because: "speech" });
  }

  part("large-text").addEventListener("click", () => largeText(!pressed(part("large-text"))));
  part("speak").addEventListener("click", () => speak(!pressed(part("speak"))));
  if (choice("text") === "large") largeText(true);
  if (choice("speak") === "on") speak(true);
}
