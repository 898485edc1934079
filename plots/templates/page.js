// Makes every table of class "sortable" sort, filter and come in parts. Nothing is fetched.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark", dark.matches); // DataTables' style has it as a class
follow();
dark.addEventListener("change", follow);

const exactly = (text) => "^" + text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") + "$";

const limit = (api, place, words, choices, keeps) => {
  const numbers = api.column(place, { order: "index" }).nodes().toArray().map((cell) => Number(cell.dataset.order));
  const label = document.createElement("label");
  const select = document.createElement("select");
  select.append(new Option("all", ""), ...choices.map(([text, number]) => new Option(text, number)));
  select.setAttribute("aria-label", words);
  DataTable.ext.search.push(
    (settings, _, row) => settings.nTable !== api.table().node() || select.value === "" || keeps(numbers[row], Number(select.value)),
  );
  select.addEventListener("change", () => api.draw());
  label.append(words, select);
  return label;
};

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const filters = document.querySelector(`.filters[data-for="${table.id}"]`);
  const api = new DataTable(table, {
    pageLength: Number(table.dataset.length),
    lengthMenu: [10, 25, 100, { label: "all", value: -1 }],
    order: [],
    autoWidth: false,
    columns: heads.map((head) => ({ type: head.classList.contains("number") ? "num" : "string" })),
    language: { search: "Search", lengthMenu: "_MENU_ lines", info: "_START_ to _END_ of _TOTAL_", infoFiltered: "(of _MAX_)" },
  });
  heads.forEach((head, place) => {
    if (!("filtered" in head.dataset)) return;
    const values = new Set(api.column(place).nodes().toArray().map((cell) => cell.textContent));
    if (values.size < 2) return;
    const label = document.createElement("label");
    const select = document.createElement("select");
    const number = (text) => (text !== "" && isFinite(text) ? Number(text) : NaN);
    const sorted = [...values].sort((a, b) => number(a) - number(b) || a.localeCompare(b));
    select.append(new Option("all", ""), ...sorted.map((value) => new Option(value || "(none)", value || "\u0000")));
    select.setAttribute("aria-label", `only this ${head.textContent.trim()}`);
    select.addEventListener("change", () => {
      const wanted = select.value === "\u0000" ? "^$" : select.value ? exactly(select.value) : "";
      api.column(place).search(wanted, true, false).draw();
    });
    label.append(head.textContent.trim(), select);
    filters.append(label);
  });
  heads.forEach((head, place) => {
    const name = head.textContent.trim();
    if (head.dataset.most) filters.append(limit(api, place, `${name} at most`, JSON.parse(head.dataset.most), (a, b) => a <= b));
    if (head.dataset.least) filters.append(limit(api, place, `${name} at least`, JSON.parse(head.dataset.least), (a, b) => a >= b));
  });
}
document.documentElement.classList.remove("waiting");
document.documentElement.dataset.ready = "yes";
