// The page at `/` of --metrics-port: the metrics for a person. It is whole in itself, asks its own server for /metrics every
// two seconds, and shows what changed since. It keeps five minutes.

import { createHash } from "node:crypto";

const style = `
:root { color-scheme: light dark; --ink: #1c2128; --quiet: #5b6572; --line: #d5dae1; --ground: #f4f6f8; --card: #fff;
  --allowed: #1a7f4b; --refused: #b7791f; --unavailable: #c53030; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --quiet: #98a2b0; --line: #333b46; --ground: #14181d;
  --card: #1d232a; --allowed: #4cc38a; --refused: #e0a84b; --unavailable: #f07171; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 24px; background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; }
header { display: flex; justify-content: space-between; align-items: baseline; gap: 16px; }
h1 { font-size: 20px; margin: 0 0 16px; }
h2 { font-size: 13px; margin: 0 0 8px; color: var(--quiet); font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-bottom: 12px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; margin-bottom: 12px; }
.cards section { margin: 0; }
.figure { font-size: 26px; font-variant-numeric: tabular-nums; }
.small, #state { color: var(--quiet); font-size: 13px; }
.bad { color: var(--unavailable); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--quiet); font-size: 13px; font-weight: 600; }
th, td { padding: 4px 0; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; }
.allowed { color: var(--allowed); } .refused { color: var(--refused); } .unavailable { color: var(--unavailable); }
svg { display: block; width: 100%; height: 90px; }
rect.allowed { fill: var(--allowed); } rect.refused { fill: var(--refused); } rect.unavailable { fill: var(--unavailable); }
`;

const script = `
"use strict";
const everyMs = 2000, keptMs = 300000, minuteMs = 60000;
const outcomes = ["allowed", "refused", "unavailable"];
const history = [];
const at = (id) => document.getElementById(id);
const say = (id, text) => { at(id).textContent = text; };

function read(text) {
  const samples = [];
  for (const line of text.split("\\n")) {
    const found = /^([a-z_]+)(?:\\{(.*)\\})? (\\S+)$/.exec(line);
    if (found === null) continue;
    const labels = Object.fromEntries([...(found[2] || "").matchAll(/([a-z]+)="([^"]*)"/g)].map(([, k, v]) => [k, v]));
    samples.push({ name: found[1].replace(/^inspectord_(relay_)?/, ""), labels, value: Number(found[3]) });
  }
  return samples;
}
const all = (taken, name) => taken.samples.filter((sample) => sample.name === name);
const one = (taken, name) => (all(taken, name)[0] || { value: 0 }).value;
const loginsOf = (taken, outcome) => all(taken, "logins_total")
  .filter(({ labels }) => labels.outcome === outcome).reduce((sum, { value }) => sum + value, 0);
const valueOf = (taken, { name, labels }) => (all(taken, name)
  .find((other) => Object.keys(labels).every((key) => other.labels[key] === labels[key])) || { value: 0 }).value;

/* As Prometheus' histogram_quantile: linear inside of a bucket. */
function quantile(now, before, part) {
  const buckets = all(now, "login_duration_seconds_bucket")
    .map((sample) => ({ end: Number(sample.labels.le.replace("+Inf", "Infinity")), count: sample.value - valueOf(before, sample) }));
  const count = buckets.length === 0 ? 0 : buckets[buckets.length - 1].count;
  if (count === 0) return "-";
  let start = 0, below = 0;
  for (const { end, count: upTo } of buckets) {
    if (upTo >= part * count) {
      if (end === Infinity) return "> " + start + " s";
      return milliseconds(start + (end - start) * (part * count - below) / (upTo - below));
    }
    start = end;
    below = upTo;
  }
}
const milliseconds = (seconds) => whole(Number((seconds * 1000).toPrecision(3))) + " ms";
const whole = (value) => value.toLocaleString("en");

function rows(body, cells) {
  body.replaceChildren(...cells.map((texts) => {
    const row = document.createElement("tr");
    row.append(...texts.map(([text, kind]) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      if (kind) cell.className = kind;
      return cell;
    }));
    return row;
  }));
}

function chart() {
  const bars = [];
  for (let i = 1; i < history.length; i++) {
    const seconds = (history[i].ms - history[i - 1].ms) / 1000;
    bars.push(outcomes.map((name) => Math.max(0, loginsOf(history[i], name) - loginsOf(history[i - 1], name)) / seconds));
  }
  const most = Math.max(1, ...bars.map((bar) => bar.reduce((a, b) => a + b, 0)));
  const count = keptMs / everyMs;
  const parts = [];
  bars.forEach((bar, i) => {
    let top = 90;
    bar.forEach((value, k) => {
      const height = 86 * value / most;
      if (height === 0) return;
      top -= height;
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const place = { x: 900 * (count - bars.length + i) / count, y: top, width: 900 / count - 1, height };
      for (const key of Object.keys(place)) rect.setAttribute(key, place[key].toFixed(2));
      rect.setAttribute("class", outcomes[k]);
      parts.push(rect);
    });
  });
  at("chart").replaceChildren(...parts);
  say("most", "highest bar: " + whole(Number(most.toFixed(1))) + " a second");
}

function show() {
  const now = history[history.length - 1];
  const before = history.find(({ ms }) => ms >= now.ms - minuteMs);
  const seconds = (now.ms - before.ms) / 1000;
  const sum = (taken) => outcomes.reduce((total, name) => total + loginsOf(taken, name), 0);
  say("rate", seconds === 0 ? "-" : ((sum(now) - sum(before)) / seconds).toFixed(1));
  for (const name of outcomes) say(name, whole(loginsOf(now, name)));
  const isOpen = one(now, "breaker_open") === 1;
  say("breaker", isOpen ? "open" : "closed");
  at("breaker").className = isOpen ? "figure bad" : "figure";
  say("breaker-meaning", isOpen ? "the API counts as dead: logins are refused at once" : "logins are asked of the API");
  say("in-flight", whole(one(now, "in_flight")));
  say("queued", whole(one(now, "queued")) + " waiting, " + whole(one(now, "connections")) + " connections to the API, "
    + whole(one(now, "members")) + " from the chat server");
  const empty = { samples: [] };
  const recent = seconds > 0 && sum(now) > sum(before) ? before : empty;
  say("span", recent === empty ? "all logins so far" : "the last " + Math.round(seconds) + " seconds");
  for (const part of [0.5, 0.95, 0.99]) say("p" + part * 100, quantile(now, recent, part));
  rows(at("reasons"), all(now, "logins_total").sort((a, b) => b.value - a.value).map((sample) => [
    [sample.labels.outcome, sample.labels.outcome], [sample.labels.code || "-"],
    [whole(sample.value - valueOf(before, sample)), "number"], [whole(sample.value), "number"],
  ]));
  const watched = all(now, "watched_total");
  at("watch").hidden = watched.every(({ value }) => value === 0);
  rows(at("watched"), watched.map((sample) => [
    [sample.labels.answer], [whole(sample.value - valueOf(before, sample)), "number"], [whole(sample.value), "number"],
  ]));
  chart();
}

async function refresh() {
  try {
    const response = await fetch("metrics", { cache: "no-store" });
    if (!response.ok) throw new Error(response.status);
    const taken = { ms: performance.now(), samples: read(await response.text()) };
    const last = history[history.length - 1];
    const count = (of) => one(of, "login_duration_seconds_count");
    /* A relay that was restarted counts from nothing. */
    if (last !== undefined && count(taken) < count(last)) history.length = 0;
    history.push(taken);
    while (history[0].ms < taken.ms - keptMs) history.shift();
    show();
    say("state", "refreshed " + new Date().toLocaleTimeString("en-GB"));
    at("state").className = "";
  } catch {
    say("state", "the relay does not answer");
    at("state").className = "bad";
  }
  setTimeout(refresh, everyMs);
}
refresh();
`;

const figure = (id: string, name: string, kind = "") =>
  `<section><h2>${name}</h2><div id="${id}" class="figure ${kind}">-</div></section>`;

/** The page, as HTML. */
export const metricsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>InspectorD relay</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<header><h1>InspectorD relay</h1><span id="state">loading</span></header>
<div class="cards">
${figure("rate", "Logins a second")}
${figure("allowed", "Allowed", "allowed")}
${figure("refused", "Refused", "refused")}
${figure("unavailable", "Unavailable", "unavailable")}
</div>
<section><h2>Logins a second, five minutes</h2><svg id="chart" viewBox="0 0 900 90" preserveAspectRatio="none"></svg>
<div id="most" class="small"></div></section>
<div class="cards">
<section><h2>Breaker</h2><div id="breaker" class="figure">-</div><div id="breaker-meaning" class="small"></div></section>
<section><h2>Requests in flight</h2><div id="in-flight" class="figure">-</div><div id="queued" class="small"></div></section>
<section><h2>How long a login takes: <span id="span"></span></h2>
<table><thead><tr><th>half</th><th>95 %</th><th>99 %</th></tr></thead>
<tbody><tr><td id="p50">-</td><td id="p95">-</td><td id="p99">-</td></tr></tbody></table></section>
</div>
<section><h2>By reason</h2><table><thead><tr><th>outcome</th><th>reason or fault</th><th class="number">last minute</th>
<th class="number">in all</th></tr></thead><tbody id="reasons"></tbody></table></section>
<section id="watch" hidden><h2>Open chats that were asked about</h2><table><thead><tr><th>answer</th>
<th class="number">last minute</th><th class="number">in all</th></tr></thead><tbody id="watched"></tbody></table></section>
</main>
<script>${script}</script>
</body>
</html>
`;

const sourceOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** The header fields of the page: it runs its own script alone, and asks its own server alone. */
export const metricsPageHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    `default-src 'none'; script-src ${sourceOf(script)}; style-src ${sourceOf(style)}; img-src data:; ` +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};
