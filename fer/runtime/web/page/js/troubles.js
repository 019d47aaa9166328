// What is said where no prediction can be had.

import { t } from "./i18n.js";
import { RETRY_MS, STALE_MS } from "./live.js";
import { seconds } from "./words.js";

export const noAnswer = () => [t("trouble.lost.what"), t("trouble.lost.do", { pause: seconds(RETRY_MS) })];

/** Kind of trouble of the live picture -> the verdict in its place, and what is told. */
export function trouble(kind) {
  const label = t(`trouble.${kind}`);
  return [label, kind === "lost" ? noAnswer() : [t(`trouble.${kind}.what`), t(`trouble.${kind}.do`, { pause: seconds(STALE_MS) })]];
}
