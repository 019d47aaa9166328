// What went wrong, said once, in the reader's language; the server's own words are English.

import * as api from "./api.js";
import { hero, part, status } from "./app.js";
import { language, known, t } from "./i18n.js";
import { RETRY_MS, STALE_MS } from "./live.js";
import { noAnswer, trouble } from "./troubles.js";
import { capital } from "./words.js";

/** Statuses of a server that has too many pictures at once. */
const PASSING = [429, 503];

const sentence = (text) => capital(text) + (/[.!?]$/.test(text) ? "" : ".");

/** What a refusal means, in the language of the page. */
function refusal({ message, status }) {
  if (language === "en") return [sentence(message)];
  return [PASSING.includes(status) ? t("trouble.busy.what") : known(`refused.${status}`, t("refused.other"))];
}

/**
 * `modelsChanged()`: gives whether the server has other models now, which explains a refusal; `stands()`: whether what
 * went wrong still is what the page is about, once that is known; `goesOn`: a server that is gone is asked again; `quiet`: what
 * is refused is only given, as of one file among many. Gives the words, or null where there is nothing to say.
 */
export async function tell(error, { modelsChanged = async () => false, stands = () => true, goesOn = false, quiet = false } = {}) {
  if (error instanceof api.Refused && error.status === 401) {
    const wrong = api.hasToken();
    part("token-form").hidden = false;
    part("token-problem").hidden = !wrong;
    part("token").setAttribute("aria-invalid", String(wrong));
    part("token").focus();
    part("token").select();
    return said([t(wrong ? "token.wrong" : "token.asked")], "token");
  }
  if (error instanceof api.Refused) {
    if (error.status === 400 && ((await modelsChanged()) || !stands())) return null;
    return quiet ? refusal(error) : said(refusal(error), "refused");
  }
  if (!(error instanceof api.Unreachable)) throw error;
  hero.state(error.late ? "silent" : "lost");
  const lines = error.late ? trouble("silent")[1] : noAnswer();
  return said(goesOn && !error.late ? lines : lines.slice(0, 1), "server");
}

function said(lines, because) {
  status.say(lines, { because });
  return lines;
}

/** What was away is there again. */
export function tellBack(words) {
  status.say([words], { kind: "good", because: "back" });
  setTimeout(() => status.unsay("back"), BACK_MS);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const PATIENCE_MS = 6000;
const PAUSE_MS = 300;
const BACK_MS = 3000;

/** What `ask()` gives; a server with too many pictures at once is asked again for a while. */
export async function patiently(ask) {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const pause = Math.max(PAUSE_MS, 1000 * (error.retryAfter ?? 0));
      if (!(error instanceof api.Refused && PASSING.includes(error.status)) || performance.now() + pause > end) throw error;
      await sleep(pause);
    }
  }
}

/**
 * What `ask()` gives. A server that is gone is told of once, with `onGone()`, and asked again until it is there, with `onBack()`.
 * Where what was asked about no longer `stands()`, nobody waits for it: then it throws.
 */
export async function persistently(ask, { stands, onGone = () => {}, onBack = () => {} }) {
  for (let gone = false; ; gone = true) {
    try {
      const answer = await ask();
      if (gone) {
        onBack();
        tellBack(t("server.back"));
      }
      return answer;
    } catch (error) {
      const lost = error instanceof api.Unreachable && !error.late;
      if (lost && stands()) {
        if (!gone) {
          await tell(error, { goesOn: true });
          onGone();
        }
        await sleep(RETRY_MS);
      }
      if (lost && stands()) continue;
      if (gone || lost) status.unsay("server");
      throw error;
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
