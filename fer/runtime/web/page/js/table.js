// The table of what was predicted of several files.

import { focusFirst, part } from "./app.js";
import { named, number, percent, t } from "./i18n.js";

/** Rows that are shown; files to save hold all. */
const MOST = 500;

/** How many faces a file shows: of a video, each person once. */
export function facesOf({ video, records }) {
  const found = records.filter((record) => record.status === "ok");
  return video ? new Set(found.map((record) => record.face)).size : found.length;
}

const cell = (textContent, className = "") => Object.assign(document.createElement("td"), { textContent, className });

export class BatchTable {
  /** `onShow(item, seconds)`: the picture of a row is asked for. */
  constructor({ onShow }) {
    this.onShow = onShow;
  }

  begin(items) {
    // The row that was chosen goes, as the files are read by another model.
    const lost = part("batch-rows").contains(document.activeElement);
    part("batch-rows").replaceChildren();
    if (lost) focusFirst({ preventScroll: true });
    part("batch-words").textContent = t("batch.begun", { count: items.length });
    this.progress(0);
    part("batch-progress").hidden = items.length < 2 && !items.some((item) => item.video);
  }

  progress(share) {
    part("batch-progress").value = share;
  }

  /** `record`: a prediction record; `seen`: the same with its number and place, where there is a face. */
  row(item, record, seen) {
    if (part("batch-rows").children.length >= MOST) return;
    const what = seen === undefined ? t("face.none") : record.uncertain ? t("batch.uncertain", { label: named(record.label) }) : named(record.label);
    const seconds = record.seconds ?? null;
    this.#add(item, seconds, [
      cell(seconds === null ? "" : number(seconds, 1), "num"),
      cell(seen === undefined ? "" : number(seen.number, 0)),
      cell(seen?.place ?? ""),
      cell(what),
      cell(seen === undefined ? "" : percent(record.confidence), "num"),
    ]);
  }

  problem(item) {
    const told = cell(item.problem);
    told.colSpan = 5;
    this.#add(item, null, [told]);
  }

  end(items, looked) {
    part("batch-progress").hidden = true;
    const faces = items.reduce((sum, item) => sum + facesOf(item), 0);
    const unread = items.slice(0, looked).filter((item) => item.problem !== null).length;
    const words = [t("batch.done", { count: looked - unread }), t("batch.faces", { count: faces })];
    if (unread > 0) words.push(t("batch.unread", { count: unread }));
    part("batch-words").textContent = words.join(" ");
  }

  #add(item, seconds, cells) {
    const row = document.createElement("tr");
    const head = Object.assign(document.createElement("th"), { scope: "row" });
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: item.name, translate: false, dir: "auto" });
    button.addEventListener("click", () => this.onShow(item, seconds));
    head.append(button);
    row.append(head, ...cells);
    part("batch-rows").append(row);
  }
}
