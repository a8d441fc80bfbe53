// The data that the page carries (columns.py), read back.

async function unpacked() {
  const text = document.getElementById("data").textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Inventory(JSON.parse(await new Response(stream).text()));
}

const MINUTES_A_DAY = 1440;

// The certificates; everything is asked for by the number of a row. Moments are minutes since 1970, -1 for none.
class Inventory {
  constructor(content) {
    const columns = content.columns;
    this.server = content.server;
    this.mount = content.mount;
    this.version = content.version;
    this.warnings = content.warnings;
    this.generated = Math.floor(content.generated / 60);
    this.count = content.count;
    this.columns = columns;
    this.ends = fromSteps(columns.end);
    this.predecessors = new Map();
    columns.successor.forEach((place, row) => {
      if (typeof place === "number" && columns.successor[row] !== 0) this.predecessors.set(place, row);
    });
    this.texts = null;
  }

  word(column, row) {
    const { words, at } = this.columns[column];
    return words[at[row]];
  }

  name(row) {
    return this.columns.name[row] || this.others(row)[0] || this.id(row);
  }

  others(row) {
    return this.columns.others[row].split(" ").filter(Boolean);
  }

  id(row) {
    return this.columns.number[row] + this.word("customer", row);
  }

  end(row) {
    return this.ends[row];
  }

  begin(row) {
    const life = Number(this.word("life", row));
    return life < 0 || this.ends[row] < 0 ? -1 : this.ends[row] - life;
  }

  daysLeft(row) {
    return (this.ends[row] - this.generated) / MINUTES_A_DAY;
  }

  serial(row) {
    return this.columns.serial[row];
  }

  // The row of the successor, or its id if it is not in the list, or null.
  successor(row) {
    const place = this.columns.successor[row];
    return place === 0 || place === "" ? null : typeof place === "number" ? place - 1 : place;
  }

  predecessor(row) {
    const found = this.predecessors.get(row + 1);
    return found === undefined ? null : found;
  }

  // What a search looks through, in small letters; made when it is first needed.
  text(row) {
    if (this.texts === null) this.texts = Array.from({ length: this.count }, (_, each) => this.textOf(each));
    return this.texts[row];
  }

  textOf(row) {
    const { name, others, serial } = this.columns;
    const words = ["config", "status", "key", "issuer", "requested"].map((column) => this.word(column, row));
    return [name[row], others[row], this.id(row), serial[row], ...words].join(" ").toLowerCase();
  }
}

function fromSteps({ first, steps }) {
  const moments = new Int32Array(steps.length);
  let moment = first;
  steps.forEach((step, row) => {
    moment += step;
    moments[row] = moment;
  });
  return moments;
}

function day(minutes) {
  return minutes < 0 ? "" : new Date(minutes * 60000).toISOString().slice(0, 10);
}

function moment(minutes) {
  return minutes < 0 ? "" : `${new Date(minutes * 60000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function number(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function some(count, one, many) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

function distance(days) {
  const whole = Math.floor(Math.abs(days));
  const said = whole === 0 ? "less than a day" : some(whole, "day", "days");
  return days < 0 ? `${said} ago` : `in ${said}`;
}
