// Brings the parts together.

function start(inventory) {
  const filter = new Filter();
  const labels = new Map(); // what is chosen, by the part of the filter
  const order = { key: "end", descending: false };
  const table = new Table(inventory, (row) => showDetails(inventory, row, byId("details")), sortBy);
  const states = new Map(countedWords(inventory, "state"));

  function refresh() {
    const rows = filter.matching(inventory);
    table.show(sortedRows(inventory, rows, order.key, order.descending), order.key, order.descending);
    byId("found").textContent = rows.length === inventory.count ? some(rows.length, "certificate", "certificates") : `${number(rows.length)} of ${some(inventory.count, "certificate", "certificates")}`;
    byId("sort").value = `${order.key} ${order.descending ? "down" : "up"}`;
    byId("chips").replaceChildren(...[...labels].map(([part, label]) => chip(label, () => choose(part, null, null))));
  }

  function choose(part, label, value) {
    if (part === "states") filter.states = value;
    else if (part === "span") filter.span = value;
    else if (value === null) filter.words.delete(part);
    else filter.words.set(part, value);
    if (label === null) labels.delete(part);
    else labels.set(part, label);
    refresh();
  }

  function chooseAndGo(part, label, value) {
    choose(part, label, value);
    byId("list").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  function sortBy(key) {
    order.descending = order.key === key && !order.descending;
    order.key = key;
    refresh();
  }

  const chooseStates = (label, wanted) => chooseAndGo("states", label, wanted);
  byId("about").textContent = `${inventory.mount}/ on ${inventory.server}, ${moment(inventory.generated)}${inventory.version ? `, version ${inventory.version}` : ""}`;
  byId("tiles").append(...drawTiles(states, chooseStates));
  byId("attention").append(drawAttention(states, inventory.warnings, chooseStates));
  byId("counts").append(
    ...drawCounts(inventory, (column, word) => {
      const { title } = COUNTS.find((counted) => counted.column === column);
      chooseAndGo(column, `${title}: ${shownWord(column, word)}`, word);
    }),
  );
  byId("main").hidden = false;
  keepChart(inventory, (span) => {
    filter.states = IN_USE;
    labels.set("states", "in use");
    chooseAndGo("span", `expires: ${span.title}`, span);
  });
  wireControls(table, (text) => { filter.search(text); refresh(); }, (key, descending) => { Object.assign(order, { key, descending }); refresh(); });
  refresh();
}

function chip(label, remove) {
  return element("button", { type: "button", class: "chip", click: remove, "aria-label": `Remove ${label}` }, label, element("span", { "aria-hidden": "true" }, " ×"));
}

function keepChart(inventory, choose) {
  const place = byId("chart");
  const spans = spansOf(inventory);
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.floor(place.clientWidth);
    if (width === drawn || width === 0) return;
    drawn = width;
    place.replaceChildren(drawChart(inventory, spans, width, choose));
  }).observe(place);
}

function wireControls(table, search, sort) {
  let waiting = 0;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => search(event.target.value), 120);
  });
  byId("sort").append(
    ...COLUMNS.flatMap(({ key, title }) => [
      element("option", { value: `${key} up` }, key === "end" ? "Expires, soonest first" : `${title}, A to Z`),
      element("option", { value: `${key} down` }, key === "end" ? "Expires, latest first" : `${title}, Z to A`),
    ]),
  );
  byId("sort").addEventListener("change", (event) => {
    const [key, direction] = event.target.value.split(" ");
    sort(key, direction === "down");
  });
  byId("print").addEventListener("click", () => window.print());
  window.addEventListener("beforeprint", () => table.unroll());
  window.addEventListener("afterprint", () => table.rollUp());
  byId("details").addEventListener("click", (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();
  });
}

function wireTheme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const name = () => { byId("theme").textContent = isDark() ? "Light" : "Dark"; };
  byId("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  dark.addEventListener("change", name);
  name();
}

wireTheme();
unpacked().then(start).catch((error) => {
  const place = byId("failure");
  place.textContent = `The page cannot show its data: ${error.message}. It needs a browser of 2023 or newer.`;
  place.hidden = false;
});
