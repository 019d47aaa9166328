// Pictures and videos by button, drop and paste; pictures are made small and upright before they are sent.

const LONGEST = 1600;
const QUALITY = 0.92;

/** Calls `onFiles(files)` for every way in which a person can hand over pictures; `hint()`: what is said to who drags some. */
export function listen({ input, dropHint, hint, onFiles }) {
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.value = "";
  });
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    dropHint.textContent = hint();
    dropHint.hidden = false;
  });
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    dropHint.hidden = depth === 0;
  });
  addEventListener("drop", (event) => {
    depth = 0;
    dropHint.hidden = true;
    if (!holdsFiles(event)) return;
    event.preventDefault();
    onFiles([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    onFiles(files);
  });
}

export const isVideo = (file) => file.type.startsWith("video/");

/**
 * The picture on a canvas, and as a JPEG to send. Where the browser cannot read it (TIFF), `preview(file)` is asked for
 * one that it can; what that throws says why there is none.
 */
export async function prepare(file, preview) {
  const canvas = document.createElement("canvas");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    bitmap = await createImageBitmap(await preview(file));
  }
  const size = draw(bitmap, canvas, { size: [bitmap.width, bitmap.height], longest: LONGEST });
  bitmap.close();
  return { canvas, blob: await encoded(canvas), size };
}

/** A picture or the frame of a video on `canvas`, not longer than `longest`; gives the canvas' size. */
export function draw(source, canvas, { size: [width, height], longest }) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const [wide, high] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  // A canvas that is recorded must not begin afresh with each picture.
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d");
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height];
}

export const encoded = (canvas) => new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
