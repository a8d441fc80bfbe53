// What expires when: columns of weeks or months, drawn for the width that there is.

const HEIGHT = 220;
const MARGIN = { top: 16, right: 4, bottom: 40, left: 40 };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LONGEST_IN_WEEKS = 26 * 7;
const LAST_MONTHS = 24;
const TONES = ["urgent", "soon", "valid"];

// The spans of the chart, each with its ends and the numbers of its states.
function spansOf(inventory) {
  const { state } = inventory.columns;
  const isInUse = state.words.map((word) => IN_USE.includes(word));
  const rows = [];
  for (let row = 0; row < inventory.count; row += 1) if (isInUse[state.at[row]]) rows.push(row);
  const last = rows.length ? inventory.end(rows[rows.length - 1]) : inventory.generated;
  const isWeekly = last - inventory.generated <= LONGEST_IN_WEEKS * MINUTES_A_DAY;
  const spans = isWeekly ? weeks(inventory.generated, last) : months(inventory.generated, last);
  spans.unshift({ from: 0, to: inventory.generated + 1, label: "past", title: "expired" });
  for (const span of spans) Object.assign(span, { urgent: 0, soon: 0, valid: 0, total: 0 });
  let place = 0;
  for (const row of rows) {
    while (place < spans.length - 1 && inventory.end(row) >= spans[place].to) place += 1;
    const word = state.words[state.at[row]];
    spans[place][word === "expired" ? "urgent" : word] += 1;
    spans[place].total += 1;
  }
  return spans[0].total ? spans : spans.slice(1);
}

function weeks(now, last) {
  const spans = [];
  const span = 7 * MINUTES_A_DAY;
  for (let from = now + 1; from <= last || spans.length < 4; from += span) {
    const date = new Date(from * 60000);
    const label = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
    spans.push({ from, to: from + span, label, title: `the 7 days from ${label}` });
  }
  return spans;
}

function months(now, last) {
  const spans = [];
  const date = new Date(now * 60000);
  let from = now + 1;
  for (let month = 0; from <= last; month += 1) {
    const begin = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + month));
    const next = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + month + 1) / 60000;
    if (month === LAST_MONTHS) {
      spans.push({ from, to: Infinity, label: "later", title: "later" });
      break;
    }
    const name = MONTHS[begin.getUTCMonth()];
    const year = begin.getUTCFullYear();
    const isFirst = begin.getUTCMonth() === 0 || month === 0;
    spans.push({ from, to: next, label: name, year: isFirst ? String(year) : "", title: `${name} ${year}` });
    from = next;
  }
  return spans;
}

function drawChart(inventory, spans, width, choose) {
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const top = niceTop(Math.max(1, ...spans.map((span) => span.total)));
  const y = (count) => MARGIN.top + inner.height * (1 - count / top);
  const step = inner.width / spans.length;
  const chart = svgElement("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "group" });
  chart.setAttribute("aria-label", "Number of certificates by the time they expire");
  for (const count of [0, top / 2, top]) {
    if (!Number.isInteger(count)) continue;
    chart.append(
      svgElement("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(count), y2: y(count) }),
      svgElement("text", { class: "tick", x: MARGIN.left - 8, y: y(count) + 4, "text-anchor": "end" }, short(count)),
    );
  }
  const every = Math.ceil(44 / step);
  spans.forEach((span, place) => {
    const left = MARGIN.left + place * step;
    chart.append(column(span, left, step, y, () => choose(span)));
    const middle = left + step / 2;
    if (place % every === 0) {
      chart.append(svgElement("text", { class: "tick", x: middle, y: HEIGHT - 22, "text-anchor": "middle" }, span.label));
    }
    if (span.year) {
      chart.append(svgElement("text", { class: "tick", x: middle, y: HEIGHT - 6, "text-anchor": "middle" }, span.year));
    }
  });
  return chart;
}

function column(span, left, step, y, act) {
  const title = `${span.title}: ${some(span.total, "certificate", "certificates")}`;
  const group = svgElement("g", { class: "column", "aria-label": title });
  group.append(svgElement("title", {}, title));
  group.append(svgElement("rect", { class: "back", x: left, y: MARGIN.top, width: step, height: y(0) - MARGIN.top }));
  if (span.total === 0) return group;
  filled(group, { role: "button", tabindex: "0", click: act, keydown: onEnter(act) }, []);
  const width = Math.max(2, Math.min(40, step - Math.min(8, step * 0.3)));
  let count = 0;
  for (const tone of TONES) {
    if (span[tone] === 0) continue;
    const height = Math.max(y(count) - y(count + span[tone]), 1.5);
    const x = left + (step - width) / 2;
    group.append(svgElement("rect", { class: `fill ${tone}`, x, y: y(count) - height, width, height }));
    count += span[tone];
  }
  if (step >= 28) {
    const label = { class: "value", x: left + step / 2, y: y(count) - 5, "text-anchor": "middle" };
    group.append(svgElement("text", label, short(span.total)));
  }
  return group;
}

function onEnter(act) {
  return (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act();
  };
}

// The least of 1, 2, 4, 6, 8, 10, 20, … that is not below: its half is a whole number, but for 1.
function niceTop(count) {
  const power = 10 ** Math.floor(Math.log10(count));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= count);
}

function short(count) {
  if (count < 10000) return number(count);
  return `${Math.round(count / (count < 100000 ? 100 : 1000)) / (count < 100000 ? 10 : 1)}k`;
}
