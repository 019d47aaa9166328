// How far a WebM that is still being recorded goes: the time of its last picture, from the elements of the file (RFC 9559).

const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const GROUP = 0xa0;
const TIMESTAMP = 0xe7;
const BLOCKS = [0xa3, 0xa1];

/** Seconds; browsers count milliseconds. `blob`: what has been recorded so far, whole elements or not. */
export async function lastPicture(blob) {
  const bytes = new DataView(await blob.arrayBuffer());
  let at = 0;
  let cluster = 0;
  let last = 0;
  // A number of so many bytes; a size comes without the bit that says how many.
  const read = (count, { marked = false } = {}) => {
    let value = bytes.getUint8(at) & (marked ? 0xff >> count : 0xff);
    for (let index = 1; index < count; index += 1) value = 256 * value + bytes.getUint8(at + index);
    at += count;
    return value;
  };
  const width = () => Math.clz32(bytes.getUint8(at)) - 23;
  // The longest head of an element has 12 bytes; a last block is longer.
  while (at + 12 < bytes.byteLength) {
    const id = read(width());
    const size = read(width(), { marked: true });
    if ([SEGMENT, CLUSTER, GROUP].includes(id)) continue;
    if (at + size > bytes.byteLength) break;
    if (BLOCKS.includes(id)) last = Math.max(last, cluster + bytes.getInt16(at + 1));
    if (id === TIMESTAMP) cluster = read(size);
    else at += size;
  }
  return last / 1000;
}
