// Where faces are, in words and in order.

import { t } from "./i18n.js";

const ROWS = ["top", "middle", "bottom"];
const COLUMNS = ["left", "centre", "right"];

/** Up to so many faces are told one by one; more are counted. */
export const TOLD = 5;

/**
 * The faces with `number` (1, 2, ...), `place` ("top left") and `spot` (x, y in [0, 1]), as they are seen: from left to right, and of more than
 * `TOLD` row by row. `size`: of the picture; `mirrored`: whether it is shown so.
 */
export function inOrder(faces, { size: [width, height], mirrored }) {
  const placed = faces.map((face) => {
    const [left, top, wide, high] = face.box;
    const x = left + wide / 2;
    return { ...face, x: mirrored ? width - x : x, y: top + high / 2 };
  });
  const rows = faces.length > TOLD ? inRows(placed) : [placed];
  return rows
    .flatMap((row) => row.sort((a, b) => a.x - b.x))
    .map(({ x, y, ...face }, index) => ({ ...face, number: index + 1, spot: [x / width, y / height], place: t(`place.${inPlace(x / width, y / height)}`) }));
}

// A face belongs to a row while its middle is less than half a face below that of the first one.
function inRows(placed) {
  const rows = [];
  for (const face of [...placed].sort((a, b) => a.y - b.y)) {
    const row = rows.at(-1);
    if (row !== undefined && face.y - row[0].y < row[0].box[3] / 2) row.push(face);
    else rows.push([face]);
  }
  return rows;
}

function inPlace(x, y) {
  const third = (share) => Math.min(2, Math.max(0, Math.floor(share * 3)));
  const [row, column] = [ROWS[third(y)], COLUMNS[third(x)]];
  if (row === "middle") return column;
  return column === "centre" ? row : `${row}-${column}`;
}
