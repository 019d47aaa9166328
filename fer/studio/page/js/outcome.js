// How a job ended, in words, and who tells it.

import { get } from "./api.js";
import { announce } from "./dom.js";
import { ended } from "./store.js";

/** The last line of what a failed command printed: it says why, as on a terminal. */
export function lastWords(output) {
  const lines = output.trim().split("\n");
  return lines.filter((line) => line.startsWith("error:")).at(-1) ?? lines.at(-1);
}

export const LOST = "Its process ended without notice: it was killed, or the disk is full. What was saved is whole; a training goes on from its run.";

const places = new Map();

/** How this job ends is told where it was asked for, as long as that is in sight: `inSight()`. */
export const toldAt = (id, inSight) => places.set(id, inSight);

export const isTold = (id) => places.get(id)?.() ?? false;

export const isShown = (node) => node.getClientRects().length > 0;

/** Why a job ended as it should not have, or is not started; null where it is well. */
export async function failure(job) {
  if (job.words) return job.words;
  if (job.state === "lost") return LOST;
  if (job.state !== "failed") return null;
  if (job.code > 128) return `Its process was ended by signal ${job.code - 128}${job.code === 137 ? ", as where memory runs out" : ""}. What was saved is whole; a training goes on from its run.`;
  const { output } = await get("api/job", { id: job.id });
  return lastWords(output) || `it ended with status ${job.code}`;
}

/** Tells of a report that is being made, until it is; `inSight()`: whoever asked for it still sees where. */
export const tellReport = (job, told, words, inSight) => told.during(() => reportMade(job, told, inSight), words);

async function reportMade(job, told, inSight) {
  toldAt(job.id, inSight);
  const last = await ended(job.id);
  if (!inSight()) return;
  told.clear();
  const wrong = await failure(last);
  if (wrong !== null) throw new Error(`No report was made: ${wrong.replace(/^error: /, "")}`);
  announce(last.state === "finished" ? `The report about ${job.about.join(", ")} is made.` : "The report was stopped.");
}
