// Which rows are shown, and in which order.

const STATES = {
  expired: "expired",
  urgent: "within 7 days",
  soon: "within 30 days",
  valid: "valid",
  pending: "pending",
  unsettled: "unsettled",
  renewed: "renewed",
  revoked: "revoked",
};
const IN_USE = ["expired", "urgent", "soon", "valid"];

// What is asked for: a text, words of columns, and a span of ends. Each part may be missing.
class Filter {
  constructor() {
    this.terms = [];
    this.states = null;
    this.words = new Map();
    this.span = null;
  }

  search(text) {
    const terms = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.terms = terms.map((term) => (/^[0-9a-f]{2}(:[0-9a-f]{0,2})+$/.test(term) ? term.replaceAll(":", "") : term));
  }

  matching(inventory) {
    const { count, columns } = inventory;
    const tests = [];
    if (this.states !== null) tests.push(wordTest(columns.state, (word) => this.states.includes(word)));
    for (const [column, wanted] of this.words) tests.push(wordTest(columns[column], (word) => word === wanted));
    if (this.span !== null) {
      const { from, to } = this.span;
      tests.push((row) => inventory.end(row) >= from && inventory.end(row) < to);
    }
    for (const term of this.terms) tests.push((row) => inventory.text(row).includes(term));
    const rows = new Int32Array(count);
    let found = 0;
    for (let row = 0; row < count; row += 1) {
      if (tests.every((test) => test(row))) rows[found++] = row;
    }
    return rows.subarray(0, found);
  }
}

function wordTest({ words, at }, isWanted) {
  const wanted = words.map(isWanted);
  return (row) => wanted[at[row]];
}

// The columns of the table: a title, what sorts it, and whether phones show it.
const COLUMNS = [
  { key: "name", title: "Name", rank: (inventory) => textRank(inventory, (row) => inventory.name(row)) },
  { key: "end", title: "Expires", rank: (inventory) => (row) => (inventory.end(row) < 0 ? Infinity : inventory.end(row)) },
  { key: "state", title: "State", rank: (inventory) => wordRank(inventory, "state", Object.keys(STATES)) },
  { key: "config", title: "Entry", rank: (inventory) => wordRank(inventory, "config") },
  { key: "key", title: "Key", rank: (inventory) => wordRank(inventory, "key") },
  { key: "issuer", title: "Issuer", rank: (inventory) => wordRank(inventory, "issuer") },
  { key: "requested", title: "Requested by", rank: (inventory) => wordRank(inventory, "requested") },
];

function sortedRows(inventory, rows, key, descending) {
  if (key === "end") return descending ? Int32Array.from(rows).reverse() : rows; // they come in that order
  const rank = COLUMNS.find((column) => column.key === key).rank(inventory);
  const ranks = Float64Array.from(rows, rank);
  const order = Uint32Array.from(rows.keys());
  const sign = descending ? -1 : 1;
  order.sort((a, b) => sign * (ranks[a] - ranks[b]) || a - b);
  return Int32Array.from(order, (place) => rows[place]);
}

// Ranks of words: each word is compared once, not each row.
function wordRank(inventory, column, order) {
  const { words, at } = inventory.columns[column];
  const sorted = order || [...words].sort(compared);
  const ranks = words.map((word) => sorted.indexOf(word));
  return (row) => ranks[at[row]];
}

function textRank(inventory, textOf) {
  const texts = Array.from({ length: inventory.count }, (_, row) => textOf(row).toLowerCase());
  const order = Uint32Array.from(texts.keys()).sort((a, b) => compared(texts[a], texts[b]));
  const ranks = new Uint32Array(texts.length);
  order.forEach((row, rank) => {
    ranks[row] = rank > 0 && texts[row] === texts[order[rank - 1]] ? ranks[order[rank - 1]] : rank;
  });
  return (row) => ranks[row];
}

function compared(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
