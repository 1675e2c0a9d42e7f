"use strict";
// Headers of sortable tables become buttons: the first press sorts up, the next down. Cells without a number stay last.

function number(cell) {  // what its text begins with, as in "1.20 best", unless it has a value of its own
  const text = cell.dataset.value ?? cell.textContent.trim().match(/^-?\d+(\.\d+)?(?= |$)/)?.[0];
  return text === undefined ? undefined : Number(text);
}

function key(row, column) {
  const cell = row.cells[column];
  const text = cell.textContent.trim();
  return number(cell) ?? (text === "–" || text === "" ? null : text);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", {numeric: true});
}

function sort(table, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, row => [key(row, header.cellIndex), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return down ? compare(b, a) : compare(a, b);
  });
  body.append(...rows.map(([, row]) => row));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, header));
    header.append(button);
  }
}
