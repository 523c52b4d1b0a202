// The panel: each login and each end, as the demo tells them. The newest is the first.

const rows = new Map();
const list = document.querySelector("#events");

new EventSource("/demo/events").addEventListener("message", ({ data }) => {
  const event = JSON.parse(data);
  const row = rows.get(event.id) ?? document.createElement("tr");
  if (!rows.has(event.id)) list.prepend(row);
  rows.set(event.id, row);
  row.replaceChildren(...(event.kind === "ended" ? endedCells(event) : loginCells(event)));
  row.className = event.kind === "ended" ? "ended" : (event.outcome ?? "");
});

function loginCells({ user, outcome, reason, detail, ticketMs, chatMs, apiMs, functionMs }) {
  const verdict = [outcome ?? "...", reason, detail].filter(Boolean).join(" ");
  return [nameOf(user), verdict, ...[ticketMs, chatMs, apiMs, functionMs].map(milliseconds)].map(cell);
}

function endedCells({ user, afterMs }) {
  const text = cell(`the chat ended, ${(afterMs / 1000).toFixed(1)} s after the logout`);
  text.colSpan = 5;
  return [cell(nameOf(user)), text];
}

function nameOf(user) {
  return user.split("@")[0];
}

function milliseconds(ms) {
  return ms === undefined ? "" : ms.toFixed(1);
}

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}
