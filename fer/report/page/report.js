"use strict";
// Sortable tables: each heading becomes a button; the table's order is told by aria-sort. Without this script they are plain tables.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const numeric = heading.classList.contains("num");
      const now = heading.getAttribute("aria-sort");
      const order = now === null ? (numeric ? "descending" : "ascending") : now === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const key = (row) => {
        const cell = row.cells[column];
        const text = cell.dataset.sort ?? cell.textContent.trim();
        return numeric ? (text === "" ? NaN : Number(text)) : text;
      };
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (!numeric) return sign * x.localeCompare(y, "en", { numeric: true });
        // Rows without a number stay at the end in either order.
        return Number.isNaN(x) - Number.isNaN(y) || (Number.isNaN(x) ? 0 : sign * (x - y));
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
// A link to a folded part opens it.
const unfold = () => {
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (target === null) return;
  for (let part = target; part !== null; part = part.parentElement) if (part.matches("details")) part.open = true;
  target.querySelector(":scope > details.fold")?.setAttribute("open", "");
  target.scrollIntoView();
};
addEventListener("hashchange", unfold);
document.addEventListener("click", (event) => {
  // A second click on the same link changes no address.
  const link = event.target.closest('a[href^="#"]');
  if (link !== null && link.hash === location.hash) unfold();
});
unfold();
// A closed part is left out of print by some browsers: open the sections for it, not what lies deeper.
addEventListener("beforeprint", () => document.querySelectorAll("details.fold").forEach((part) => (part.open = true)));
// A table wider than its frame says so.
const wide = (frame) => frame.classList.toggle("wide", frame.scrollWidth > frame.clientWidth + 1);
const watch = new ResizeObserver((entries) => entries.forEach((entry) => wide(entry.target)));
document.querySelectorAll(".scroll").forEach((frame) => watch.observe(frame));
