// Numbers, faces and places in words, for eyes and ears alike.

import { TOLD } from "./places.js";

export const percent = (share) => `${Math.round(share * 100)}%`;

/** The same where less than one in a hundred counts: "0.7%", "under 0.1%". */
export const fine = (share) => (share < 0.001 ? "under 0.1%" : share < 0.01 ? `${(share * 100).toFixed(1)}%` : percent(share));

/** The face as one sentence part: "happy, 93%" or "uncertain, perhaps sad, 31%". */
export function inWords(face) {
  if (!face || face.status !== "ok") return "no face";
  return face.uncertain ? `uncertain, perhaps ${face.label}, ${percent(face.confidence)}` : `${face.label}, ${percent(face.confidence)}`;
}

/** What the verdict says: what has to change before it is worth telling again. */
export function gist(face) {
  if (!face || face.status !== "ok") return "no face";
  return face.uncertain ? "uncertain" : face.label;
}

/**
 * All faces in words: one with its confidence, up to `TOLD` from left to right, more as counts; `gist` is the same
 * without numbers that change all the time. `faces` are in order.
 */
export function summary(faces) {
  const count = faces.length;
  if (count < 2) return { count, gist: gist(faces[0]), words: inWords(faces[0]) };
  let words = `${count} faces, left to right: ${faces.map(gist).join(", ")}`;
  if (count > TOLD) {
    const counts = new Map();
    for (const face of faces) counts.set(gist(face), (counts.get(gist(face)) ?? 0) + 1);
    words = `${count} faces: ${[...counts].sort((a, b) => b[1] - a[1]).map(([name, many]) => `${many} ${name}`).join(", ")}`;
  }
  return { count, gist: words, words };
}

/** Seconds as people say them: "1.5 seconds", "2 seconds". */
export const seconds = (ms) => `${ms / 1000} seconds`;

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const other = { left: "right", right: "left", upper: "upper", lower: "lower" };
