"use strict";
// A click on a heading sorts the rows by that column: by the numbers behind the cells where it has any, else by text.
// Cells without a number stay last in both directions.
(() => {
  const valueOf = (row, column) => row.cells[column].dataset.value;
  const textOf = (row, column) => row.cells[column].textContent;

  function compareBy(column, rows, sign) {
    if (!rows.some((row) => valueOf(row, column) !== undefined))
      return (a, b) => sign * textOf(a, column).localeCompare(textOf(b, column), "en", { numeric: true });
    return (a, b) => {
      const [x, y] = [valueOf(a, column), valueOf(b, column)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      return sign * (Number(x) - Number(y));
    };
  }

  function sort(table, head) {
    const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const rows = [...table.tBodies[0].rows];
    rows.sort(compareBy(head.cellIndex, rows, order === "ascending" ? 1 : -1));
    table.tBodies[0].append(...rows);
  }

  for (const table of document.querySelectorAll("table.sheet"))
    for (const head of table.tHead.rows[0].cells)
      head.firstElementChild.addEventListener("click", () => sort(table, head));
})();
