// How the built function lives with the stores that few sites have: by the chunks that it carries for them.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { sessionId, smallSession } from "../../bench/login.ts";
import { startMariaDb } from "../real/mariadb.ts";
import { needing } from "../real/parts.ts";
import { whilePaused } from "../real/pause.ts";
import { startPostgres } from "../real/postgres.ts";
import { startRedis } from "../real/redis.ts";
import { startDynamoDb } from "../stand-in/dynamodb.ts";
import { FunctionProcess } from "./function-process.ts";

interface Running {
  readonly settings: Readonly<Record<string, string>>;
  /** Ends the store, and starts it anew with Alice's session in it. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function startRedisWithAlice(): Promise<Running> {
  const password = "secret";
  let redis = await startRedis(undefined, ["--requirepass", password]);
  const put = async () => {
    const words = ["SET", `PHPREDIS_SESSION:${sessionId}`, String(smallSession)];
    assert.match(await redis.tell(["AUTH", password], words), /^\+OK\r\n\+OK/);
  };
  await put();
  return {
    settings: { SESSION_STORE: `redis://127.0.0.1:${redis.port}`, SESSION_STORE_PASSWORD: password },
    async restart() {
      await redis.stop();
      redis = await startRedis(redis.port, ["--requirepass", password]);
      await put();
    },
    stop: () => redis.stop(),
  };
}

async function startDynamoDbWithAlice(): Promise<Running> {
  let dynamoDb = await startDynamoDb();
  const put = async () => {
    await dynamoDb.createTable("sessions", "id");
    await dynamoDb.put("sessions", {
      id: { S: `PHPSESSID_${sessionId}` },
      data: { S: String(smallSession) },
      expires: { N: "9999999999" },
    });
  };
  await put();
  const { environment } = dynamoDb;
  return {
    settings: { SESSION_STORE: "dynamodb://sessions", ...environment },
    async restart() {
      await dynamoDb.stop();
      dynamoDb = await startDynamoDb(Number(new URL(environment["AWS_ENDPOINT_URL_DYNAMODB"] ?? "").port));
      await put();
    },
    stop: () => dynamoDb.stop(),
  };
}

async function startSqlWithAlice(scheme: "mysql" | "postgres"): Promise<Running> {
  const server = await (scheme === "mysql" ? startMariaDb() : startPostgres());
  const text = `'${String(smallSession).replaceAll("'", "''")}'`;
  server.run(
    `CREATE TABLE sessions (id varchar(128) PRIMARY KEY, data text, expires bigint);
    INSERT INTO sessions VALUES ('${sessionId}', ${text}, 9999999999);
    ${scheme === "mysql" ? "CREATE USER reader IDENTIFIED BY 'secret'" : "CREATE ROLE reader LOGIN PASSWORD 'secret'"};
    GRANT SELECT ON sessions TO reader;`,
  );
  const options = "table=sessions&id=id&data=data&expires=expires";
  return {
    settings: {
      SESSION_STORE: `${scheme}://reader@127.0.0.1:${server.port}/site?${options}`,
      SESSION_STORE_PASSWORD: "secret",
    },
    async restart() {
      await server.stop();
      await server.start();
    },
    stop: () => server.stop(),
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const allow = '{"allow":true}';

for (const [name, start, idle, suite] of [
  ["Redis", startRedisWithAlice, ["TCPSocketWrap"], needing("nodes", "redis")],
  // Node's HTTP agent lets no idle connection of its own keep a process up.
  ["DynamoDB", startDynamoDbWithAlice, [], needing("nodes")],
  ["MariaDB", () => startSqlWithAlice("mysql"), ["TCPSocketWrap"], needing("nodes", "mariadb")],
  ["PostgreSQL", () => startSqlWithAlice("postgres"), ["TCPSocketWrap"], needing("nodes", "postgres")],
] as const) {
  describe(`the built function's process with ${name}`, () => {
    const { it, before, after, beforeEach, afterEach } = suite;
    let store: Running;
    let running: FunctionProcess;
    before(async () => {
      store = await start();
    });
    beforeEach(async () => {
      running = await new FunctionProcess(store.settings).ready();
    });
    afterEach(() => running.stop());
    after(() => store.stop());

    it("leaves nothing behind an answer but its idle connection", async () => {
      for (let i = 0; i < 3; i++) {
        const { response, active, ranSince } = await running.logIn();
        assert.equal(response.body, allow);
        if (i > 0) assert.deepEqual({ active, ranSince }, { active: idle, ranSince: [] });
        await pause(200);
      }
    });

    it("lets the next login in where the store restarted while it was frozen", async () => {
      await running.logIn();
      await whilePaused(running.child.pid as number, () => store.restart());
      for (let i = 0; i < 2; i++) assert.equal((await running.logIn()).response.body, allow);
    });

    it("lets the next login in where all its timers were overdue when it was thawed", async () => {
      await running.logIn();
      await whilePaused(running.child.pid as number, () => pause(2_500));
      assert.equal((await running.logIn()).response.body, allow);
    });
  });
}
