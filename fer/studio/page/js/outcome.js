// How a job ended, in words.

export const OPEN = new Set(["waiting", "running"]);

/** The last line of what a failed command printed: it says why, as on a terminal. */
export function lastWords(output) {
  const lines = output.trim().split("\n");
  return lines.filter((line) => line.startsWith("error:")).at(-1) ?? lines.at(-1);
}

export const LOST = "Its process ended without notice: it was killed, or the disk is full. What was saved is whole; a training goes on from its run.";
