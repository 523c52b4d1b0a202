// The token in place of a password: as @aws-sdk/rds-signer 3.1175.0 signs it, and how it reaches the servers.

import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { describe, it as itWithoutParts } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { openSql } from "../../../stores/sql/open-sql.ts";
import { rdsToken } from "../../../stores/sql/rds-token.ts";
import { readSqlUrl } from "../../../stores/sql/sql-url.ts";
import { makeCertificate } from "../../real/certificate.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { startPostgres } from "../../real/postgres.ts";

const timeMs = Date.UTC(2026, 10, 26, 4);
const identity = {
  region: "eu-central-1",
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

async function open(
  scheme: "mysql" | "postgres",
  port: number,
  authority: Buffer,
  isIam: boolean,
  who = () => identity as typeof identity | undefined,
) {
  const url = readSqlUrl(
    `${scheme}://inspectord@db/site?table=s&id=id&data=data&expires=expires${isIam ? "&auth=iam" : ""}`,
  );
  assert.ok(!("problem" in url));
  return openSql(
    { ...url, host: "localhost", port, ...(!isIam && { password: () => "geheim" }) },
    {
      ...{ keyOf: keysWithPrefix(""), timeoutMs: 2000, nowMs: () => performance.now(), timeMs: () => timeMs },
      ...{ identity: who, authority: [authority] },
    },
  );
}

describe("a token of RDS", () => {
  itWithoutParts("is signed as AWS's own signer signs it", async () => {
    const host = "site.abcdef.eu-central-1.rds.amazonaws.com";
    const account = { host, port: 3306, user: "in+spectord" };
    const head =
      `${host}:3306/?Action=connect&DBUser=in%2Bspectord&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE` +
      "%2F20261126%2Feu-central-1%2Frds-db%2Faws4_request&X-Amz-Date=20261126T040000Z&X-Amz-Expires=900";
    assert.equal(
      await rdsToken(account, identity, new Date(timeMs)),
      `${head}&X-Amz-Signature=eec4f5e02e99d4bc190a8185c889bd6fd08f5d03470931c5a5d9f4dd361f9781&X-Amz-SignedHeaders=host`,
    );
    assert.equal(
      await rdsToken(account, { ...identity, sessionToken: "AQoDYXdz/+=token" }, new Date(timeMs)),
      `${head}&X-Amz-Security-Token=AQoDYXdz%2F%2B%3Dtoken` +
        "&X-Amz-Signature=d957f315c4d4dd45f9a4350e34a3f5b8f528e4b939edc094800bc4d14b0d009d&X-Amz-SignedHeaders=host",
    );
  });

  const { it, before, after } = needing("openssl", "postgres");
  let certificate: ReturnType<typeof makeCertificate>;
  before(() => {
    certificate = makeCertificate(temporaryDirectory());
  });
  let server: Server | undefined;
  after(() => server?.close());

  it("is the password at a PostgreSQL that asks for it as it is, over TLS", async () => {
    const postgres = await startPostgres(["ssl = on"], ["hostssl all all all password"], certificate);
    try {
      const token = await rdsToken(
        { host: "localhost", port: postgres.port, user: "inspectord" },
        identity,
        new Date(timeMs),
      );
      postgres.run(
        `CREATE TABLE s (id text PRIMARY KEY, data text, expires bigint); INSERT INTO s VALUES ('a', 'user|N;', 9999999999);
        CREATE ROLE inspectord LOGIN PASSWORD '${token}'; GRANT SELECT ON s TO inspectord;`,
      );
      const store = await open("postgres", postgres.port, certificate.cert, true);
      assert.equal(String((await store.getData("a"))?.bytes), "user|N;");
      store.close();
      const nobody = await open("postgres", postgres.port, certificate.cert, true, () => undefined);
      await assert.rejects(nobody.getData("a"), { fault: "store-refused", detail: "no-credentials" });
      nobody.close();
    } finally {
      await postgres.stop();
    }
  });

  it("is the only password that a MySQL server gets as it is, and that over TLS", async () => {
    const heard: string[] = [];
    const packet = (sequence: number, body: Buffer) =>
      Buffer.concat([Buffer.from([body.length, 0, 0, sequence]), body]);
    const salt = Buffer.from("abcdefghijklmnopqrst");
    const greeting = Buffer.concat([
      Buffer.from("\x0a8.0.36\0"),
      Buffer.from([1, 0, 0, 0]),
      salt.subarray(0, 8),
      Buffer.from([0, 0xff, 0xff, 33, 2, 0, 0xff, 0x81, 21, ...Array(10).fill(0)]),
      salt.subarray(8),
      Buffer.from("\0mysql_native_password\0"),
    ]);
    server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(packet(0, greeting));
      socket.once("data", (request: Buffer) => {
        // The request for TLS; what comes with it is TLS' own.
        heard.push(request.subarray(0, 36).toString("latin1"));
        socket.pause();
        socket.unshift(request.subarray(36));
        const secureContext = createSecureContext({ key: certificate.key, cert: certificate.cert });
        const tls = new TLSSocket(socket, { isServer: true, secureContext });
        tls.on("error", () => {});
        tls.once("data", (login: Buffer) => {
          heard.push(login.toString("latin1"));
          tls.write(packet((login[3] ?? 0) + 1, Buffer.from("\xfemysql_clear_password\0", "latin1")));
          tls.once("data", (answer: Buffer) => {
            heard.push(answer.toString("latin1"));
            tls.end();
          });
        });
      });
    });
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const withPassword = await open("mysql", port, certificate.cert, false);
    await assert.rejects(withPassword.getData("a"), { name: "StoreError" });
    withPassword.close();
    assert.ok(heard.length >= 2 && !heard.join().includes("geheim"), `${heard.length}`);
    heard.splice(0);
    const withToken = await open("mysql", port, certificate.cert, true);
    await assert.rejects(withToken.getData("a"), { name: "StoreError" });
    withToken.close();
    const [request = "", login = "", answer = ""] = heard;
    assert.ok(!`${request}${login}`.includes("X-Amz-Signature"));
    assert.match(
      answer,
      /\?Action=connect&DBUser=inspectord&.*X-Amz-Signature=[0-9a-f]{64}&X-Amz-SignedHeaders=host\0$/,
    );
  });
});
