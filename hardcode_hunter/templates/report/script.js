"use strict";
// Filter, sort and copy. Without scripts the page shows the same, unsorted.
for (const box of document.querySelectorAll("[data-table]")) {
  const table = box.querySelector("table");
  const body = table.tBodies[0];
  const filter = box.querySelector("input");
  const rows = () => Array.from(body.rows);
  box.querySelector(".tools").classList.remove("hidden");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows()) {
      const text = row.textContent.toLowerCase();
      row.classList.toggle("hidden", !words.every((word) => text.includes(word)));
    }
  });
  Array.from(table.tHead.rows[0].cells).forEach((cell, column) => {
    const button = cell.querySelector("button");
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.sort || row.cells[column].textContent;
      const sorted = rows().sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }) * (down ? -1 : 1));
      body.append(...sorted);
    });
  });
  box.querySelector(".tools button").addEventListener("click", () => {
    // a spreadsheet takes a cell that begins so for a formula, and a path in the tree may
    const plain = (text) => (/^[=+\-@\t]/.test(text) ? `'${text}` : text);
    const quote = (cell) => `"${plain(cell.innerText.trim()).replace(/"/g, '""')}"`;
    const shown = [table.tHead.rows[0], ...rows().filter((row) => !row.classList.contains("hidden"))];
    const text = shown.map((row) => Array.from(row.cells, quote).join(",")).join("\n");
    const area = document.createElement("textarea");
    area.setAttribute("aria-label", "Copied");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    box.querySelector(".tools button").focus();
  });
}
window.addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
});
