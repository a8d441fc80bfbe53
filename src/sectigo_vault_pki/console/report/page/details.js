// Everything about one certificate, in a dialog.

function showDetails(inventory, row, dialog) {
  const others = inventory.others(row);
  const facts = [
    ["State", pill(inventory.word("state", row))],
    ["Status", inventory.word("status", row)],
    ["Expires", inventory.end(row) < 0 ? "" : `${moment(inventory.end(row))}, ${distance(inventory.daysLeft(row))}`],
    ["Valid from", moment(inventory.begin(row))],
    ["Other names", others.length ? namesOf(others) : ""],
    ["Serial number", inventory.serial(row).replace(/(..)(?=.)/g, "$1:")],
    ["Issuer", inventory.word("issuer", row)],
    ["Key", inventory.word("key", row)],
    ["Config entry", inventory.word("config", row)],
    ["Unique id", inventory.id(row)],
    ["Requested by", inventory.word("requested", row)],
    ["Renewed to", linked(inventory, inventory.successor(row), dialog)],
    ["Renewed from", linked(inventory, inventory.predecessor(row), dialog)],
  ];
  const list = element("dl", {});
  for (const [title, fact] of facts) if (fact) list.append(element("dt", {}, title), element("dd", {}, fact));
  const path = `${inventory.mount}/certs/${inventory.word("config", row)}/${inventory.id(row)}/summary`;
  dialog.replaceChildren(
    element("form", { method: "dialog" }, element("button", { class: "close", "aria-label": "Close" }, "Close")),
    element("h2", { id: "details-name" }, inventory.name(row)),
    list,
    element("p", { class: "muted" }, "To see it as it is now:"),
    element("code", { class: "command" }, `bao read ${path}`),
  );
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function namesOf(names) {
  return element("ul", { class: "names" }, ...names.map((name) => element("li", {}, name)));
}

function linked(inventory, other, dialog) {
  if (other === null) return "";
  if (typeof other === "string") return other;
  return button(inventory.id(other), () => showDetails(inventory, other, dialog), { class: "link" });
}
