// Where the names of faces go on a picture: beside their boxes where none covers another or a face, else numbers.

/**
 * `boxes`: [{x, y, w, h, wide}] on the canvas, `wide` the width of the name; `high`: the height of all names.
 * Gives for each the top left corner of its name, or null where they do not all fit: then numbers are to be shown.
 */
export function placeNames(boxes, { high, width, height }) {
  const taken = [];
  for (const [index, box] of boxes.entries()) {
    const x = Math.max(0, Math.min(box.x, width - box.wide));
    const spots = [[x, box.y - high], [x, box.y + box.h], [box.x + box.w, box.y], [box.x - box.wide, box.y]];
    const free = spots.map(([left, top]) => ({ x: left, y: top, w: box.wide, h: high })).find((spot) => inside(spot, width, height) && !boxes.some((other) => meet(spot, other)) && !taken.some((other) => meet(spot, other)));
    if (free === undefined) return null;
    taken[index] = free;
  }
  return taken;
}

/** The corner of each box for its number, small enough to leave the face free; `side`: as large as it may be. */
export const placeNumbers = (boxes, side) => boxes.map(({ x, y, w, h }) => ({ x, y, side: Math.min(side, 0.3 * w, 0.3 * h) }));

const inside = ({ x, y, w, h }, width, height) => x >= 0 && y >= 0 && x + w <= width && y + h <= height;
const meet = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
