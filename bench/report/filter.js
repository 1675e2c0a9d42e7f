"use strict";
// Above a table whose head names columns to filter by, a choice for each of them; what is chosen stands in the address
// behind the #, so that a view can be linked. Without this script the page shows all rows.
{
  const key = cell => cell.dataset.key ?? cell.textContent.trim();
  const isView = () => location.hash.includes("=");  // and not the address of a section

  function make(name, properties, ...children) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  }

  function choice(header, rows) {
    const values = new Map(rows.map(row => row.cells[header.cellIndex]).map(cell => [key(cell), number(cell)]));
    const sorted = [...values].sort(([a, x], [b, y]) =>
      (x ?? Infinity) - (y ?? Infinity) || a.localeCompare(b, "en", {numeric: true}));
    const options = sorted.map(([value]) => make("option", {value}, value === "–" ? "– (none)" : value));
    const select = make("select", {name: header.dataset.filter}, make("option", {value: ""}, "all"), ...options);
    return {select, column: header.cellIndex, label: make("label", {}, header.textContent.trim(), select)};
  }

  function filterable(table) {
    const rows = [...table.tBodies[0].rows];
    const choices = Array.from(table.querySelectorAll("th[data-filter]"), header => choice(header, rows));
    const count = make("output", {});
    const all = make("button", {type: "button"}, "show all");
    const form = make("form", {className: "filters", autocomplete: "off"}, ...choices.map(one => one.label), all, count);
    form.setAttribute("aria-label", "Filter the table");

    function show(unknown = []) {
      for (const row of rows)
        row.hidden = choices.some(({select, column}) => select.value !== "" && select.value !== key(row.cells[column]));
      const shown = rows.filter(row => !row.hidden).length;
      const told = unknown.map(([name, value]) => `; no ${name.replaceAll("-", " ")} is ${value}`).join("");
      count.value = `${shown} of ${rows.length} rows${told}`;
    }

    function read() {
      const wanted = new Map(new URLSearchParams(isView() ? location.hash.slice(1) : ""));
      for (const {select} of choices) {
        select.value = wanted.get(select.name) ?? "";
        if (select.selectedIndex < 0) select.value = "";
        else wanted.delete(select.name);
      }
      show([...wanted]);
    }

    function write() {
      const chosen = choices.filter(({select}) => select.value !== "").map(({select}) => [select.name, select.value]);
      const address = location.href.split("#")[0];
      history.replaceState(null, "", chosen.length ? `${address}#${new URLSearchParams(chosen)}` : address);
      show();
    }

    function follow() {
      if (location.hash !== "" && !isView()) return;
      read();
      if (isView()) form.scrollIntoView();
    }

    form.addEventListener("change", write);
    all.addEventListener("click", () => {
      for (const {select} of choices) select.value = "";
      write();
    });
    table.closest(".scroll").before(form);
    window.addEventListener("hashchange", follow);
    read();
    follow();
  }

  const table = document.querySelector("th[data-filter]")?.closest("table");
  if (table) filterable(table);
}
