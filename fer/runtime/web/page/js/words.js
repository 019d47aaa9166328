// Numbers in words, for eyes and ears alike.

export const percent = (share) => `${Math.round(share * 100)}%`;

/** The face as one sentence part: "happy, 93%" or "uncertain, perhaps sad, 31%". */
export function inWords(face) {
  if (!face || face.status !== "ok") return "no face";
  return face.uncertain ? `uncertain, perhaps ${face.label}, ${percent(face.confidence)}` : `${face.label}, ${percent(face.confidence)}`;
}

/** The same without numbers: what has to change before it is worth telling again. */
export function gist(face) {
  if (!face || face.status !== "ok") return "no face";
  return face.uncertain ? "uncertain" : face.label;
}

export const other = { left: "right", right: "left", upper: "upper", lower: "lower" };
