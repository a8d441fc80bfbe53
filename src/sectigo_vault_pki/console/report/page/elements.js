// Elements, made of text alone: nothing of the data is ever taken for markup.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svgElement(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

function button(text, act, attributes = {}) {
  return element("button", { type: "button", click: act, ...attributes }, text);
}

function pill(state) {
  return element("span", { class: `pill ${state}` }, STATES[state] || state);
}

// The common name of an issuer that is written as RFC 4514 has it; the whole text if it has none.
function issuerName(text) {
  const found = /(?:^|,)CN=((?:\\.|[^,\\])+)/i.exec(text);
  return found === null ? text : found[1].replace(/\\(.)/g, "$1");
}

function shownWord(column, word) {
  return column === "issuer" ? issuerName(word) || "none" : word || "none";
}
