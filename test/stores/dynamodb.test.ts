import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { DynamoDbStore, type DynamoDbStoreOptions } from "../../stores/dynamodb.ts";
import { keysWithPrefix } from "../../stores/session-key.ts";
import {
  cuttingOff,
  type Fault,
  hanging,
  refusing,
  resetting,
  type StandInDynamoDb,
  stalling,
  startDynamoDb,
  talkingNonsense,
} from "../stand-in/dynamodb.ts";
import { expectedTexts, getAll, someId, textsOf } from "./conformance.ts";

/** Half an hour before the fixtures expire. */
const nowSeconds = 1_795_490_392 - 1800;
const keyPrefix = "PHPSESSID_";
const opened: DynamoDbStore[] = [];
let dynamoDb: StandInDynamoDb;
let variablesBefore: NodeJS.ProcessEnv;

before(async () => {
  dynamoDb = await startDynamoDb();
  variablesBefore = { ...process.env };
  Object.assign(process.env, dynamoDb.environment);
  await dynamoDb.createTable("sessions", "id");
  await dynamoDb.createTable("own.table-2", "key");
});
after(async () => {
  process.env = variablesBefore;
  await dynamoDb.stop();
});
afterEach(() => {
  dynamoDb.fault = undefined;
  dynamoDb.asked.splice(0);
  for (const store of opened.splice(0)) store.close();
});

function openStore(options: Partial<DynamoDbStoreOptions> = {}): DynamoDbStore {
  const store = new DynamoDbStore({
    table: "sessions",
    hashKey: "id",
    dataAttribute: "data",
    expiryAttribute: "expires",
    keyOf: keysWithPrefix(keyPrefix),
    timeoutMs: 1000,
    nowMs: () => nowSeconds * 1000,
    ...options,
  });
  opened.push(store);
  return store;
}

async function put(id: string, data: string | Uint8Array, expires = nowSeconds + 1440): Promise<void> {
  await dynamoDb.put("sessions", {
    id: { S: keyPrefix + id },
    expires: { N: String(expires) },
    ...(data.length > 0 && { data: typeof data === "string" ? { S: data } : { B: data } }),
  });
}

const writtenIds = Array.from({ length: 130 }, (_, i) => `written0session0of0the0test${i}`);
async function putMany(): Promise<readonly string[]> {
  await Promise.all(writtenIds.map((id, i) => put(id, `i|i:${i};`)));
  return writtenIds;
}

describe("the DynamoDB store", () => {
  it("gives what aws-sdk-php's own handler has written", async () => {
    const items = JSON.parse(readFileSync(new URL("../fixtures/dynamodb.json", import.meta.url), "utf8"));
    for (const item of items) await dynamoDb.put("sessions", item);
    const store = openStore();
    const found = await store.getData("alice0session0of0the0handler");
    assert.equal(String(found?.bytes), 'user|s:5:"alice";authenticated|b:1;note|s:4:"Zoë";');
    assert.equal(found?.flags, 0);
    assert.equal((await store.getData("empty0session0of0the0handler"))?.bytes.length, 0);
    // The handler trims underlines at the ends, so session.name=_SHOP_ gives one in front less.
    const shop = await openStore({ keyOf: keysWithPrefix("SHOP__") }).getData("other0name0of0the0handler00");
    assert.equal(String(shop?.bytes), 'user|s:3:"bob";');
  });

  it("gives bytes that are no text as they are, where the site keeps them so", async () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await put(someId, all);
    assert.deepEqual(Buffer.from((await openStore().getData(someId))?.bytes ?? []), Buffer.from(all));
  });

  it("gives null for a session that never was, is empty of everything, or is too long", async () => {
    await dynamoDb.put("sessions", { id: { S: `${keyPrefix}locked${someId}` }, lock: { N: "1" } });
    const missing = ["never0was0this0session0id", `locked${someId}`, "x".repeat(256)];
    const store = openStore();
    for (const id of missing) assert.equal(await store.getData(id), null);
    assert.deepEqual(await getAll(store, missing), new Map(missing.map((id) => [id, null])));
  });

  it("gives null from the second on that the handler takes for the end of a session", async () => {
    await put(someId, "a|i:1;", nowSeconds);
    await put(`${someId}2`, "a|i:1;", nowSeconds + 1);
    const store = openStore({ nowMs: () => nowSeconds * 1000 + 999 });
    const expected = new Map([
      [someId, null],
      [`${someId}2`, "a|i:1;"],
    ]);
    assert.deepEqual(textsOf(await getAll(store, [someId, `${someId}2`])), expected);
    for (const [id, text] of expected) {
      assert.equal((await store.getData(id))?.bytes.toString(), text ?? undefined);
    }
  });

  it("reads a table and attributes of the site's own naming, words of DynamoDB's expressions among them", async () => {
    const names = { table: "own.table-2", hashKey: "key", dataAttribute: "value", expiryAttribute: "ttl" };
    await dynamoDb.put(names.table, {
      key: { S: `shop_${someId}` },
      value: { S: "a|i:1;" },
      ttl: { N: String(nowSeconds + 1) },
    });
    const store = openStore({ ...names, keyOf: keysWithPrefix("shop_") });
    assert.equal(String((await store.getData(someId))?.bytes), "a|i:1;");
    assert.deepEqual(textsOf(await getAll(store, [someId])), new Map([[someId, "a|i:1;"]]));
  });

  it("gives many sessions by one question a hundred, each under its own id", async () => {
    const ids = await putMany();
    const store = openStore();
    dynamoDb.asked.splice(0);
    assert.deepEqual(textsOf(await getAll(store, ids.slice(0, 100))), expectedTexts(ids.slice(0, 100)));
    assert.deepEqual(dynamoDb.asked, ["BatchGetItem"]);
    assert.deepEqual(textsOf(await getAll(store, [...ids, ...ids])), expectedTexts(ids));
    assert.equal(dynamoDb.asked.length, 3);
    assert.deepEqual(await getAll(store, []), new Map());
    assert.equal(dynamoDb.asked.length, 3);
  });

  it("asks again for what DynamoDB left out of its answer", async () => {
    // Above 1 MB of sessions, dynalite, like DynamoDB above 16 MB, answers in part.
    const ids = Array.from({ length: 10 }, (_, i) => `large0session0of0the0test${i}`);
    for (const id of ids) await put(id, `x|s:300000:"${"x".repeat(300_000)}";`);
    dynamoDb.asked.splice(0);
    const found = await getAll(openStore({ timeoutMs: 10_000 }), ids);
    assert.ok(dynamoDb.asked.length > 1, dynamoDb.asked.join());
    assert.deepEqual([...found.keys()].toSorted(), ids.toSorted());
    assert.ok([...found.values()].every((stored) => stored?.bytes.length === 300_014));
  });
});

describe("the DynamoDB store with a DynamoDB that fails", () => {
  /** What it does, what comes of it, and the limit where it is not 1000 ms: the SDK pauses up to that after a throttle. */
  const faults: Record<string, readonly [Fault, string, number?]> = {
    "throttles it": [refusing("ProvisionedThroughputExceededException"), "store-refused throttled", 3000],
    "denies it access": [refusing("AccessDeniedException"), "store-refused access-denied"],
    "does not take its credentials": [refusing("UnrecognizedClientException"), "store-refused access-denied"],
    "does not know the table": [refusing("ResourceNotFoundException"), "store-refused table-not-found"],
    "has a key of another name": [refusing("ValidationException"), "store-refused wrong-key"],
    "has a fault of its own": [refusing("InternalServerError", 500), "store-refused unknown-status"],
    "never answers": [hanging, "store-timeout"],
    "answers half and stalls": [stalling, "store-timeout"],
    "answers half and closes": [cuttingOff, "store-unreachable ECONNRESET"],
    "resets each connection": [resetting, "store-unreachable ECONNRESET"],
    "answers something else": [talkingNonsense, "store-unreachable bad-reply"],
  };

  for (const [name, [fault, code, timeoutMs = 1000]] of Object.entries(faults)) {
    it(`settles in time when it ${name}, and the next call works`, async () => {
      await put(someId, "user|N;");
      const store = openStore({ timeoutMs });
      dynamoDb.fault = fault;
      const calls = [store.getData(someId), store.getData(someId), getAll(store, [someId, `${someId}2`])];
      for (const call of await Promise.allSettled(calls)) {
        assert.equal(call.status, "rejected");
        const { name, fault, detail } = call.reason;
        assert.deepEqual([name, [fault, detail].filter(Boolean).join(" ")], ["StoreError", code]);
        assert.ok(!String(call.reason.stack).includes(someId));
      }
      dynamoDb.fault = undefined;
      assert.equal(String((await store.getData(someId))?.bytes), "user|N;");
    });
  }

  it("finds the session when one request of it is throttled, reset or hangs", async () => {
    await put(someId, "user|N;");
    for (const fault of [refusing("ThrottlingException"), resetting, hanging, cuttingOff]) {
      const store = openStore({ timeoutMs: 2000 });
      let asked = 0;
      dynamoDb.fault = (request, response) => asked++ > 0 || fault(request, response);
      assert.equal(String((await store.getData(someId))?.bytes), "user|N;");
      assert.equal(asked, 2);
    }
  });

  it("tells of none while some are left out of every answer, and gives up in time", async () => {
    const store = openStore({ timeoutMs: 500 });
    dynamoDb.fault = (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { RequestItems } = JSON.parse(Buffer.concat(chunks).toString());
        response.setHeader("content-type", "application/x-amz-json-1.0");
        response.end(JSON.stringify({ Responses: {}, UnprocessedKeys: RequestItems }));
      });
      return false;
    };
    await assert.rejects(getAll(store, [someId]), { name: "StoreError", fault: "store-timeout" });
    const asked = dynamoDb.asked.length;
    // With a pause before each that doubles, so few go into half a second.
    assert.ok(asked > 1 && asked < 8, String(asked));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(dynamoDb.asked.length, asked);
  });

  it("tells of the sessions that it was told of before the others failed", async () => {
    const ids = await putMany();
    const store = openStore();
    let asked = 0;
    dynamoDb.fault = (request, response) =>
      asked++ === 0 || refusing("ResourceNotFoundException")(request, response);
    const expected = expectedTexts(ids);
    const { stored, faults } = await store.getMany(ids);
    assert.deepEqual(textsOf(stored), new Map([...expected].slice(0, 100)));
    assert.deepEqual(
      faults.map(({ fault, detail }) => [fault, detail]),
      [["store-refused", "table-not-found"]],
    );
    for (const [timeoutMs, limitMs] of [
      [500, undefined],
      [60_000, 500],
    ] as const) {
      asked = 0;
      dynamoDb.fault = () => asked++ === 0;
      const inTime = await openStore({ timeoutMs }).getMany(ids, limitMs);
      assert.equal(inTime.stored.size, 100);
      assert.deepEqual(
        inTime.faults.map(({ fault }) => fault),
        ["store-timeout"],
      );
    }
  });

  it("hides no error that nobody foresaw", async () => {
    await put(someId, "user|N;");
    const boom = new TypeError("boom");
    const nowMs = () => {
      throw boom;
    };
    const store = openStore({ nowMs });
    await assert.rejects(store.getData(someId), boom);
    await assert.rejects(store.getMany([someId]), boom);
  });

  it("says that it has no credentials", async () => {
    const { AWS_ACCESS_KEY_ID: key } = process.env;
    delete process.env["AWS_ACCESS_KEY_ID"];
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true" });
    try {
      await assert.rejects(openStore().getData(someId), {
        name: "StoreError",
        fault: "store-refused",
        detail: "no-credentials",
      });
    } finally {
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: key });
      delete process.env["AWS_EC2_METADATA_DISABLED"];
    }
  });

  it("is unreachable where nobody listens, and works once somebody does", async () => {
    const { AWS_ENDPOINT_URL_DYNAMODB: endpoint = "" } = dynamoDb.environment;
    await dynamoDb.stop();
    const store = openStore();
    await assert.rejects(store.getData(someId), {
      name: "StoreError",
      fault: "store-unreachable",
      detail: "ECONNREFUSED",
    });
    dynamoDb = await startDynamoDb(Number(new URL(endpoint).port));
    await dynamoDb.createTable("sessions", "id");
    await put(someId, "user|N;");
    assert.equal(String((await store.getData(someId))?.bytes), "user|N;");
  });
});
