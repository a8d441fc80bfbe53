// The table: of the rows that are found, only those in sight are elements.

const SPARE_ROWS = 10;
const PRINTED_ROWS = 1000;

class Table {
  constructor(inventory, open, sort) {
    this.inventory = inventory;
    this.open = open;
    this.found = new Int32Array(0);
    this.made = new Map();
    this.viewport = byId("viewport");
    this.body = byId("rows");
    this.above = element("tr", { class: "space", "aria-hidden": "true" }, element("td", { colspan: COLUMNS.length }));
    this.below = this.above.cloneNode(true);
    this.headers = COLUMNS.map(({ key, title }) => {
      const arrow = element("span", { class: "arrow", "aria-hidden": "true" });
      return element("th", { scope: "col", class: key }, button(title, () => sort(key), {}), arrow);
    });
    byId("head").append(...this.headers);
    this.viewport.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.viewport);
  }

  show(rows, sortKey, descending) {
    this.found = rows;
    this.made.clear();
    byId("table").setAttribute("aria-rowcount", rows.length + 1);
    COLUMNS.forEach(({ key }, place) => {
      this.headers[place].setAttribute("aria-sort", key !== sortKey ? "none" : descending ? "descending" : "ascending");
    });
    this.viewport.scrollTop = 0;
    this.draw(true);
  }

  get rowHeight() {
    return parseFloat(getComputedStyle(this.viewport).getPropertyValue("--row"));
  }

  draw(all = false) {
    const height = this.rowHeight;
    const first = Math.max(0, Math.floor(this.viewport.scrollTop / height) - SPARE_ROWS);
    const last = Math.min(this.found.length, first + Math.ceil(this.viewport.clientHeight / height) + 2 * SPARE_ROWS);
    if (!all && first === this.first && last === this.last && height === this.height) return;
    Object.assign(this, { first, last, height });
    this.above.style.height = `${first * height}px`;
    this.below.style.height = `${(this.found.length - last) * height}px`;
    const rows = [];
    const made = new Map();
    for (let place = first; place < last; place += 1) {
      const row = this.made.get(place) || this.row(place);
      made.set(place, row);
      rows.push(row);
    }
    this.made = made;
    this.place([this.above, ...rows, this.below]);
  }

  // Puts rows in without moving those that stay, so that they keep the focus.
  place(wanted) {
    const staying = new Set(wanted);
    for (const child of [...this.body.children]) if (!staying.has(child)) child.remove();
    let next = this.body.firstElementChild;
    for (const row of wanted) {
      if (row === next) next = next.nextElementSibling;
      else this.body.insertBefore(row, next);
    }
  }

  row(place) {
    const { inventory } = this;
    const row = this.found[place];
    const others = inventory.others(row).length;
    const name = button(inventory.name(row), () => this.open(row), { class: "link", title: inventory.name(row) });
    const names = element("span", { class: "one-line" }, name, others ? element("span", { class: "muted" }, ` +${others}`) : "");
    const end = inventory.end(row);
    const left = element("span", { class: "muted" }, end < 0 ? "" : distance(inventory.daysLeft(row)));
    const cells = {
      name: [names],
      end: [element("time", {}, day(end) || "not issued"), " ", left],
      state: [pill(inventory.word("state", row))],
    };
    const made = COLUMNS.map(({ key }) => {
      const word = cells[key] ? "" : shownWord(key, inventory.word(key, row));
      return element("td", { class: key, title: word || null }, ...(cells[key] || [word]));
    });
    return element("tr", { "aria-rowindex": place + 2 }, ...made);
  }

  // Paper has no scrolling: puts the first rows on it all.
  unroll() {
    const count = Math.min(this.found.length, PRINTED_ROWS);
    this.above.style.height = this.below.style.height = "0";
    this.place(Array.from({ length: count }, (_, place) => this.row(place)));
    byId("cut").textContent = this.found.length > count ? `The first ${number(count)} of ${number(this.found.length)}: sectigo-vault-pki report -format=csv has all.` : "";
  }

  rollUp() {
    byId("cut").textContent = "";
    this.made.clear();
    this.draw(true);
  }
}
