// The top of the page: tiles, what needs attention, and how many there are of each kind.

const TILES = [
  { title: "in use", states: IN_USE, tone: "" },
  { title: "expired", states: ["expired"], tone: "urgent" },
  { title: "end within 7 days", states: ["urgent"], tone: "urgent" },
  { title: "end within 30 days", states: ["soon"], tone: "soon" },
  { title: "not issued yet", states: ["pending", "unsettled"], tone: "soon" },
  { title: "renewed or revoked", states: ["renewed", "revoked"], tone: "" },
];
const ATTENTION = [
  { state: "expired", tone: "urgent", one: "certificate has expired", many: "certificates have expired", advice: "Nothing has taken their place. Renew those that are still needed, and delete or revoke the others." },
  { state: "urgent", tone: "urgent", one: "certificate ends within 7 days", many: "certificates end within 7 days", advice: "They should have been renewed by now: read their summary for the reason." },
  { state: "unsettled", tone: "urgent", one: "order has an unknown outcome", many: "orders have an unknown outcome", advice: "SCM's answer was lost. Read the order to settle it; do not order again." },
  { state: "pending", tone: "soon", one: "order is not issued yet", many: "orders are not issued yet", advice: "Read the order for what it waits for." },
  { state: "soon", tone: "soon", one: "certificate ends within 30 days", many: "certificates end within 30 days", advice: "Those with automatic renewal are renewed in their window." },
];
const COUNTS = [
  { column: "status", title: "Status" },
  { column: "config", title: "Config entry" },
  { column: "key", title: "Key" },
  { column: "issuer", title: "Issuer" },
  { column: "requested", title: "Requested by" },
];
const SHOWN_WORDS = 6;

function countedWords(inventory, column) {
  const { words, at } = inventory.columns[column];
  const counts = new Map(words.map((word) => [word, 0]));
  for (const place of at) counts.set(words[place], counts.get(words[place]) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

function drawTiles(states, choose) {
  return TILES.map(({ title, states: wanted, tone }) => {
    const count = wanted.reduce((sum, state) => sum + (states.get(state) || 0), 0);
    const shown = [element("strong", {}, number(count)), element("span", {}, title)];
    const tile = element("button", { type: "button", class: `tile ${count ? tone : ""}`, click: () => choose(title, wanted) });
    tile.append(...shown);
    tile.disabled = count === 0;
    return tile;
  });
}

function drawAttention(states, warnings, choose) {
  const items = ATTENTION.filter(({ state }) => states.get(state)).map(({ state, tone, one, many, advice }) => {
    const count = states.get(state);
    const head = button(some(count, one, many), () => choose(STATES[state], [state]), { class: "link" });
    return element("li", { class: tone }, element("div", {}, head, element("p", { class: "muted" }, advice)));
  });
  items.push(...warnings.map((warning) => element("li", { class: "soon" }, element("div", {}, element("p", {}, warning)))));
  if (!items.length) return element("p", { class: "good" }, "Nothing: every certificate in use ends in more than 30 days, and no order is open.");
  return element("ul", { class: "attention" }, ...items);
}

function drawCounts(inventory, choose) {
  return COUNTS.map(({ column, title }) => {
    const counted = countedWords(inventory, column);
    const most = counted.length ? counted[0][1] : 0;
    const list = element("ul", {});
    const rows = counted.map(([word, count]) => countRow(word, column, count, most, choose));
    list.append(...rows.slice(0, SHOWN_WORDS));
    const card = element("div", { class: "card" }, element("h3", {}, title), list);
    const more = rows.slice(SHOWN_WORDS, 200);
    if (more.length) {
      const all = button(`${number(counted.length - SHOWN_WORDS)} more`, () => { list.append(...more); all.remove(); }, { class: "link more" });
      card.append(all);
    }
    return card;
  });
}

function countRow(word, column, count, most, choose) {
  const bar = element("i", { class: "share" });
  bar.style.width = `${(100 * count) / most}%`;
  const row = element("button", { type: "button", class: "count", title: word, click: () => choose(column, word) });
  row.append(element("span", { class: "word" }, shownWord(column, word)), element("span", { class: "number" }, number(count)), bar);
  return element("li", {}, row);
}
