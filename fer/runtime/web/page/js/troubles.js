// What is said where no prediction can be had.

import { RETRY_MS, STALE_MS } from "./live.js";
import { seconds } from "./words.js";

export const NO_ANSWER = ["Server lost: fer-serve does not answer.", `Is it still running? Start it again; the page asks again every ${seconds(RETRY_MS)} and goes on by itself.`];
/** Kind of trouble of the live picture -> the verdict in its place, and what is told. */
export const TROUBLE = {
  lost: ["Server lost", NO_ANSWER],
  silent: ["Not answering", ["Server not answering: fer-serve is silent or too slow.", `No answer for ${seconds(STALE_MS)}; the page goes on by itself when there is one.`]],
  busy: ["Server busy", ["Server busy: fer-serve has too many pictures at once.", "The page goes on by itself when there is room."]],
  camera: ["No picture", ["The camera sends no pictures.", "It may be asleep, or another program holds it; the page goes on by itself when there are some."]],
};
