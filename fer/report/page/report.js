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
// The map of faces: the one nearest to the pointer, or reached by the arrow keys, is shown beside it.
for (const map of document.querySelectorAll(".embedding")) {
  const drawing = map.querySelector("svg");
  const names = [...map.querySelectorAll(".embedding-key li")].map((entry) => entry.textContent.trim());
  const dots = [...drawing.querySelectorAll("circle")];
  const [face, told] = [map.querySelector(".embedding-face"), map.querySelector(".embedding-told")];
  const [side, across] = [Number(map.dataset.side), Number(map.dataset.across)];
  let now = -1;
  const show = (place) => {
    if (place === now) return;
    dots[now]?.classList.remove("now");
    dots[now]?.setAttribute("r", 7);
    now = place;
    const dot = dots[now];
    dot.classList.add("now");
    dot.setAttribute("r", 13);
    const label = names[Number(dot.parentNode.getAttribute("class").slice("kind-".length))];
    const predicted = names[Number(dot.dataset.p)];
    told.textContent = `labelled ${label}, ${label === predicted ? "predicted so" : `predicted ${predicted}`}, ${dot.dataset.s} %`;
    if (face === null) return;
    const n = Number(dot.dataset.n);
    const scale = face.clientWidth / side;
    const picture = face.firstElementChild;
    picture.style.transform = `scale(${scale}) translate(${-side * (n % across)}px, ${-side * Math.floor(n / across)}px)`;
    face.classList.add("shown");
  };
  drawing.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    const far = dots.map((dot) => (dot.cx.baseVal.value - at.x) ** 2 + (dot.cy.baseVal.value - at.y) ** 2);
    show(far.indexOf(Math.min(...far)));
  });
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    // Backwards from nowhere is the last.
    show((Math.max(now, step < 0 ? 0 : -1) + step + dots.length) % dots.length);
  });
}
// An address that somebody typed may end in what is no percent-encoding, such as #100%.
const named = (fragment) => {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
};
// A link to a folded part opens it.
const unfold = () => {
  const target = location.hash.length > 1 ? document.getElementById(named(location.hash.slice(1))) : null;
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
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.fold:not([open])")];
  opened.forEach((part) => (part.open = true));
});
addEventListener("afterprint", () => opened.forEach((part) => (part.open = false)));
// A table wider than its frame says so.
const wide = (frame) => frame.classList.toggle("wide", frame.scrollWidth > frame.clientWidth + 1);
const watch = new ResizeObserver((entries) => entries.forEach((entry) => wide(entry.target)));
document.querySelectorAll(".scroll").forEach((frame) => watch.observe(frame));
