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
// A closed part is left out of print by some browsers: open all for it.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
