// What went wrong, said once, in the reader's language; the server's own words are English.

import * as api from "./api.js";
import { hero, part, status } from "./app.js";
import { language, known, t } from "./i18n.js";
import { STALE_MS } from "./live.js";
import { noAnswer, trouble } from "./troubles.js";
import { capital } from "./words.js";

const sentence = (text) => capital(text) + (/[.!?]$/.test(text) ? "" : ".");

/** What a refusal means, in the language of the page. */
const refusal = (error) => (language === "en" ? [sentence(error.message)] : [known(`refused.${error.status}`, t("refused.other"))]);

/**
 * `modelsChanged()`: gives whether the server has other models now, which explains a refusal; `stands()`: whether what
 * went wrong still is what the page is about, once that is known.
 */
export async function tell(error, { modelsChanged = async () => false, stands = () => true } = {}) {
  if (error instanceof api.Refused && error.status === 401) {
    const wrong = api.hasToken();
    part("token-form").hidden = false;
    part("token-problem").hidden = !wrong;
    part("token").setAttribute("aria-invalid", String(wrong));
    part("token").focus();
    part("token").select();
    status.say([t(wrong ? "token.wrong" : "token.asked")], { because: "token" });
  } else if (error instanceof api.Refused) {
    if (error.status === 400 && ((await modelsChanged()) || !stands())) return;
    status.say(refusal(error), { because: "refused" });
  } else if (error instanceof api.Unreachable) {
    hero.state(error.late ? "silent" : "lost");
    status.say(error.late ? trouble("silent")[1].slice(0, 1) : noAnswer(), { because: "server" });
  } else throw error;
}

const PASSING = [429, 503];
const PATIENCE_MS = 6000;
const PAUSE_MS = 300;

/** What `ask()` gives; a server with too many pictures at once is asked again for a while. */
export async function patiently(ask) {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const pause = Math.max(PAUSE_MS, 1000 * (error.retryAfter ?? 0));
      if (!(error instanceof api.Refused && PASSING.includes(error.status)) || performance.now() + pause > end) throw error;
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}

/** The answer, with a word to those who wait where it takes long. */
export async function waitFor(answer) {
  const timer = setTimeout(() => status.say([t("server.slow")], { kind: "wait", because: "slow" }), STALE_MS);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    status.unsay("slow");
  }
}
