// The process that bench/handler.ts measures: the built handler, and a bare memjs get of the same key, in turns. Plain
// JavaScript, so that it runs as in Lambda; its stdout is a pipe, as it is there.
//
//   handler-process.mjs HANDLER EVENT HOST:PORT KEY ROUNDS LOGINS -> one message to the parent:
//   {"handler": [turn], "get": [turn], "getAndLine": [turn]}, turn = {"micros", "userMicros"} for one login or get

import { Client } from "memjs";

const [handlerPath, eventText, node, key, rounds, logins] = process.argv.slice(2);
const { handler } = await import(handlerPath);
const event = JSON.parse(eventText);
const client = Client.create(node);
// As long as the line that the handler writes of a login.
const line = `${"x".repeat(402)}\n`;
const contenders = {
  async handler() {
    const { body } = await handler(event);
    if (body !== '{"allow":true}') throw new Error(`it answered ${body}`);
  },
  async get() {
    const { value } = await client.get(key);
    if (value === null) throw new Error("there is no such key");
  },
  async getAndLine() {
    await contenders.get();
    process.stdout.write(line);
  },
};

async function turn(work) {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  for (let done = 0; done < logins; done++) await work();
  const micros = ((performance.now() - startedMs) * 1000) / logins;
  return { micros, userMicros: process.cpuUsage(before).user / logins };
}

for (const work of Object.values(contenders)) for (let i = 0; i < 5; i++) await turn(work);
const turns = { handler: [], get: [], getAndLine: [] };
for (let round = 0; round < rounds; round++) {
  for (const [name, work] of Object.entries(contenders)) turns[name].push(await turn(work));
}
process.send(turns, () => process.exit());
