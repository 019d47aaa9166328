// What was predicted, as files: made in the page, and only when asked for.

/** Browsers take ten downloads a second from a page, and drop any further ones without a word. */
const PAUSE_MS = 150;
let free = 0;

/** Hands a file to the browser's downloads, where others have just been handed over a moment later. */
export async function save(blob, name) {
  const wait = free - performance.now();
  free = Math.max(free, performance.now()) + PAUSE_MS;
  if (wait > 0) await new Promise((done) => setTimeout(done, wait));
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The browser reads it a moment later.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const asJson = (value) => new Blob([`${JSON.stringify(value, null, 1)}\n`], { type: "application/json" });

const COLUMNS = ["source", "seconds", "face", "status", "reason", "label", "confidence", "uncertain", "x", "y", "width", "height"];

/** Prediction records as a table; `labels`: the model's. */
export function asCsv(records, labels) {
  const lines = records.map((record) => {
    const [x, y, width, height] = record.box ?? [];
    const row = { ...record, x, y, width, height };
    return [...COLUMNS.map((name) => row[name]), ...labels.map((label) => record.probabilities?.[label])].map(field).join(",");
  });
  return new Blob([[[...COLUMNS, ...labels].join(","), ...lines, ""].join("\r\n")], { type: "text/csv" });
}

function field(value) {
  if (value === undefined || value === null) return "";
  // A spreadsheet would run a name that begins like a formula.
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Boxes and names on a picture of the given width; `faces`: [{box, text}] in its pixels. */
export function annotate(context, faces, { width }) {
  const thick = Math.max(2, width / 320);
  const high = Math.max(14, width / 40);
  context.font = `600 ${high}px sans-serif`;
  context.textBaseline = "top";
  context.textAlign = "left";
  context.direction = document.documentElement.dir;
  for (const { box: [x, y, w, h], text } of faces) {
    for (const [colour, line] of [["rgb(0 0 0 / .65)", 2 * thick], ["#ffffff", thick]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.strokeRect(x, y, w, h);
    }
    const top = y >= 1.4 * high ? y - 1.4 * high : y + h;
    context.fillStyle = "rgb(9 14 20 / .86)";
    context.fillRect(x, top, context.measureText(text).width + 0.8 * high, 1.4 * high);
    context.fillStyle = "#ffffff";
    context.fillText(text, x + 0.4 * high, top + 0.2 * high);
  }
}
