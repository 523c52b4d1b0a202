// The bundle among everything that can go wrong around it. Each time: every frame gets one answer, in order, none of them
// a false yes, and logins work again without a restart once the fault is over. How long the machine takes for it is
// nobody's business here: that a login ends at its deadline is held by attempts.test.ts.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { RelayCaller } from "../../infra/local/relay-caller.ts";
import { makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import {
  allowGood,
  badSession,
  forLogins,
  goodSession,
  type Reply,
  type StandIn,
  say,
  startStandIn,
} from "../stand-in/api-gateway.ts";

const good = `auth:alice:localhost:${goodSession}`;
const bad = `auth:alice:localhost:${badSession}`;
/** Longer than any machine takes: a missing answer fails the test, and a late one does not. */
const patienceMs = 60_000;

const ends: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

async function startApi(reply: Reply = allowGood, options: Parameters<typeof startStandIn>[1] = {}) {
  const api = await startStandIn(reply, { verifies: true, ...options });
  ends.push(() => api.stop());
  return api;
}

function startRelay(args: readonly string[], env?: NodeJS.ProcessEnv): RelayCaller {
  const relay = new RelayCaller(args, process.execPath, env);
  ends.push(() => relay.kill());
  return relay;
}

/** Asks one question, and fails unless it is answered as expected. */
async function expectAnswer(relay: RelayCaller, payload: string, expected: boolean) {
  assert.equal(await relay.ask(payload, patienceMs), expected, relay.log);
}

/** Asks until a yes comes: the breaker may be open still. */
async function expectService(relay: RelayCaller) {
  const endsAt = performance.now() + patienceMs;
  while (!(await relay.ask(good, patienceMs))) {
    assert.ok(performance.now() < endsAt, `no service: ${relay.log}`);
    await sleep(50);
  }
  await expectAnswer(relay, bad, false);
}

/** The log comes by another pipe than the answer. */
async function expectLog(relay: RelayCaller, line: RegExp) {
  const endsAt = performance.now() + patienceMs;
  while (!line.test(relay.log)) {
    assert.ok(performance.now() < endsAt, `no ${line} in ${relay.log}`);
    await sleep(20);
  }
}

/** Every answer has come, and no other byte. */
function expectAnswers(relay: RelayCaller, count: number) {
  assert.equal(relay.written.length, 4 * count);
}

const delayed =
  (delayMs: number): Reply =>
  (body, response, request) =>
    void setTimeout(() => allowGood(body, response, request), delayMs);

describe("an API at fault", { concurrency: 8 }, () => {
  it("is absent: no at once, and service as soon as it comes", async () => {
    const port = await freePort();
    const relay = startRelay([`http://127.0.0.1:${port}/auth`]);
    for (let i = 0; i < 20; i++) await expectAnswer(relay, good, false);
    await expectLog(relay, /code=api-unreachable .*detail=ECONNREFUSED/);
    await expectLog(relay, /code=breaker-open /);
    expectAnswers(relay, 20);
    await startApi(allowGood, { port });
    await expectService(relay);
  });

  it("takes connections and says nothing: no at the deadline, then at once", async () => {
    const api = await startApi(() => {});
    const relay = startRelay([api.url, "--deadline-ms", "400"]);
    while (!relay.log.includes("code=breaker-opened")) await expectAnswer(relay, good, false);
    assert.equal(await relay.ask(good), false);
    await expectLog(relay, /code=breaker-open /);
    api.reply = allowGood;
    await expectService(relay);
  });

  it("takes no connection any more: no at the deadline", async () => {
    // Once the queue of a listener that accepts nothing is full, Linux drops what else knocks.
    const listener = spawn(process.execPath, [
      "-e",
      `const server = require("net").createServer();
       server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));`,
    ]);
    const [line] = await once(listener.stdout, "data");
    const port = Number(line);
    listener.kill("SIGSTOP");
    ends.push(async () => listener.kill("SIGKILL"));
    const queued = Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    ends.push(async () => queued.forEach((socket) => void socket.destroy()));
    const relay = startRelay([`http://127.0.0.1:${port}/auth`, "--deadline-ms", "600"]);
    for (let i = 0; i < 3; i++) await expectAnswer(relay, good, false);
    await expectLog(relay, /code=deadline/);
    expectAnswers(relay, 3);
  });

  const wrong: Readonly<Record<string, Reply>> = {
    "closes before its answer": (_, response) => void response.destroy(),
    "closes in the middle of its answer": (_, response) => {
      response.writeHead(200, { "content-length": "14" });
      response.write('{"allow":tr', () => response.destroy());
    },
    "answers with garbage": (_, response) => void response.socket?.end(Buffer.alloc(100_000, "\r\n\0")),
    "answers with a page": say(200, '<html>{"allow":true}</html>'),
    "answers 500": say(500, '{"message":"Internal Server Error"}'),
    "answers 500 with a yes": say(500, '{"allow":true}'),
    "answers 429": say(429, '{"message":"Too Many Requests"}'),
    "answers 429 and asks for an hour": say(429, "", { "retry-after": "3600" }),
    "answers 403": say(403, '{"message":"Forbidden"}'),
    "answers 503": say(503, '{"message":"Service Unavailable"}'),
    "has no verdict": say(503, '{"error":"unavailable","reason":"store-unreachable"}'),
    "sends us elsewhere": say(302, '{"allow":true}', { location: "https://example.org/auth" }),
  };
  for (const [name, reply] of Object.entries(wrong)) {
    it(`${name}: no within the deadline, and service once it is over`, async () => {
      const api = await startApi(reply);
      const relay = startRelay([api.url, "--deadline-ms", "3000"]);
      for (let i = 0; i < 3; i++) await expectAnswer(relay, good, false);
      expectAnswers(relay, 3);
      api.reply = allowGood;
      await expectService(relay);
    });
  }

  it("is slow by 1 and by 5 seconds: yes, for there is time", async () => {
    for (const delayMs of [1_000, 5_000]) {
      const api = await startApi(delayed(delayMs));
      const relay = startRelay([api.url]);
      await expectAnswer(relay, good, true);
      expectAnswers(relay, 1);
    }
  });

  it("is slow by 40 seconds: no at the deadline, and its late word is nobody's", async () => {
    const api = await startApi(delayed(40_000));
    const relay = startRelay([api.url]);
    await expectAnswer(relay, good, false);
    await expectLog(relay, /code=deadline /);
    api.reply = allowGood;
    await expectAnswer(relay, bad, false);
    await expectService(relay);
  });

  it("loses one of two connections: the second attempt is in time", async () => {
    let asked = 0;
    const api = await startApi(
      forLogins((...args) => {
        if (++asked % 2 === 0) allowGood(...args);
      }),
    );
    const relay = startRelay([api.url, "--deadline-ms", "6000"]);
    for (let i = 0; i < 2; i++) await expectAnswer(relay, i % 2 === 0 ? good : bad, i % 2 === 0);
    assert.equal(asked, 4);
    expectAnswers(relay, 2);
  });

  it("has no address: no, and a code that says so", async () => {
    const relay = startRelay(["https://api.inspectord.invalid/auth", "--deadline-ms", "3000"]);
    for (let i = 0; i < 3; i++) await expectAnswer(relay, good, false);
    await expectLog(relay, /code=api-unreachable .*detail=(ENOTFOUND|EAI_AGAIN)/);
    expectAnswers(relay, 3);
  });
});

describe("credentials at fault", { concurrency: 4 }, () => {
  const withoutKeys = {
    ...process.env,
    AWS_REGION: localKey["AWS_REGION"],
    AWS_EC2_METADATA_DISABLED: "true",
  };

  it("end in mid-run, and their program fails: no, until it works again", async () => {
    const api = await startApi();
    const directory = temporaryDirectory();
    const program = join(directory, "hand-out");
    // Those that are handed out last from then on, however long it took to be asked for them.
    const credentials = (lastsSeconds: number) =>
      `end=$(date -u -d '+${lastsSeconds} seconds' +%Y-%m-%dT%H:%M:%SZ)
       echo '{"Version":1,"AccessKeyId":"${localKey["AWS_ACCESS_KEY_ID"]}",' \\
         '"SecretAccessKey":"${localKey["AWS_SECRET_ACCESS_KEY"]}",' \\
         '"SessionToken":"${localKey["AWS_SESSION_TOKEN"]}","Expiration":"'$end'"}'`;
    const handOut = (script: string) => {
      writeFileSync(`${program}.new`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      renameSync(`${program}.new`, program);
    };
    writeFileSync(join(directory, "config"), `[default]\ncredential_process = ${program}\n`);
    handOut(credentials(4));
    const relay = startRelay([api.url], { ...withoutKeys, AWS_CONFIG_FILE: join(directory, "config") });
    await expectAnswer(relay, good, true);
    handOut("exit 3");
    while (await relay.ask(good, patienceMs)) await sleep(100);
    await expectLog(relay, /code=credentials-expired .*credential_process ended with 3/);
    handOut(credentials(600));
    await expectService(relay);
    assert.ok(!relay.log.includes(localKey["AWS_SECRET_ACCESS_KEY"] ?? "none"));
  });

  it("come late from the instance: no within the deadline, and yes once they are there", async () => {
    const api = await startApi();
    let delayMs = 60_000;
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    const metadata = createHttpServer((request, response) => {
      const reply = request.url?.endsWith("/token")
        ? "a-token"
        : request.url?.endsWith("/a-role")
          ? JSON.stringify({
              Code: "Success",
              AccessKeyId: localKey["AWS_ACCESS_KEY_ID"],
              SecretAccessKey: localKey["AWS_SECRET_ACCESS_KEY"],
              Token: localKey["AWS_SESSION_TOKEN"],
              Expiration: expiration,
            })
          : "a-role";
      setTimeout(() => response.end(reply), delayMs);
    });
    await new Promise<void>((resolve) => metadata.listen(0, "127.0.0.1", resolve));
    ends.push(async () => {
      metadata.closeAllConnections();
      metadata.close();
    });
    const { port } = metadata.address() as AddressInfo;
    const relay = startRelay([api.url], {
      ...withoutKeys,
      AWS_EC2_METADATA_DISABLED: "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}`,
    });
    await expectAnswer(relay, good, false);
    await expectLog(relay, /code=credentials-missing/);
    delayMs = 0;
    await expectService(relay);
  });
});

describe("TLS at fault", () => {
  const { it } = needing("openssl");

  it("never lets a password out to a wrong name, an expired or an unknown certificate", async () => {
    const directory = temporaryDirectory();
    const certificate = makeCertificate(directory);
    const expired = join(directory, "expired");
    execFileSync("sh", ["-c", expiredCertificate, "sh", expired], { stdio: "ignore" });
    const other = join(directory, "other");
    execFileSync("sh", ["-c", otherName, "sh", other], { stdio: "ignore" });
    const cases = [
      { cert: `${expired}.pem`, key: `${expired}.key`, ca: `${expired}.pem`, code: "CERT_HAS_EXPIRED" },
      { cert: `${other}.pem`, key: `${other}.key`, ca: `${other}.pem`, code: "ERR_TLS_CERT_ALTNAME_INVALID" },
      {
        cert: certificate.certPath,
        key: certificate.keyPath,
        ca: `${other}.pem`,
        code: "DEPTH_ZERO_SELF_SIGNED_CERT",
      },
    ];
    for (const { cert, key, ca, code } of cases) {
      const tls = { cert: readFileSync(cert), key: readFileSync(key) };
      const api = await startApi(allowGood, { tls });
      const relay = startRelay([api.url, "--ca-file", ca], {
        ...process.env,
        ...localKey,
        NODE_TLS_REJECT_UNAUTHORIZED: "0",
      });
      await expectAnswer(relay, good, false);
      await expectLog(relay, new RegExp(`code=api-certificate .*detail=${code}`));
      assert.deepEqual([api.bodies.length, api.refusals.length], [0, 0]);
      expectAnswers(relay, 1);
    }
    const api = await startApi(allowGood, { tls: certificate });
    await expectAnswer(startRelay([api.url, "--ca-file", certificate.certPath]), good, true);
  });
});

describe("a machine that stands still", () => {
  it("answers no to what was asked before, and goes on", async () => {
    const api = await startApi();
    const relay = startRelay([api.url, "--deadline-ms", "3000"]);
    await expectService(relay);
    let answer: (() => void) | undefined;
    api.reply = forLogins((...args) => {
      answer ??= () => allowGood(...args);
    });
    const asked = relay.ask(good, patienceMs);
    while (answer === undefined) await sleep(5);
    relay.child.kill("SIGSTOP");
    answer();
    await sleep(4_000);
    relay.child.kill("SIGCONT");
    assert.equal(await asked, false, "the answer is there, and it is late");
    api.reply = allowGood;
    await expectService(relay);
  });
});

describe("a network that kills a connection every 50 requests", () => {
  it("costs none of 10000 logins, nor any memory", { timeout: 175_000 }, async () => {
    const api = await startApi();
    const proxy = await startProxy(api, 50);
    const relay = startRelay([proxy.url]);
    const rssMb = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${relay.child.pid}/status`, "utf8"))?.[1]) / 1000;
    let rssEarly = 0;
    for (let done = 0; done < 10_000; done++) {
      const isGood = done % 3 !== 0;
      // The waiting for an answer has its limit in ask().
      if ((await relay.ask(isGood ? good : `${bad}${done}`, patienceMs)) !== isGood) {
        assert.fail(`login ${done}: ${relay.log}`);
      }
      if (done === 3_000) rssEarly = rssMb();
    }
    expectAnswers(relay, 10_000);
    assert.ok(proxy.killed() >= 190, `${proxy.killed()} connections were killed`);
    assert.ok(rssMb() < 1.3 * rssEarly + 5, `${rssEarly} MB early, ${rssMb()} MB late`);
  });
});

/** A TCP proxy that cuts both ends at every so many requests, before, in or after the request in turn. */
async function startProxy(api: StandIn, every: number): Promise<{ url: string; killed: () => number }> {
  let requests = 0;
  let killed = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(Number(new URL(api.url).port), "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        near.destroy();
        far.destroy();
        sockets.delete(socket);
      });
    }
    near.on("data", (chunk) => {
      if (++requests % every !== 0) return void far.write(chunk);
      killed++;
      const way = killed % 3;
      if (way === 0) near.resetAndDestroy();
      if (way === 1) far.write(chunk.subarray(0, 20), () => far.destroy());
      if (way === 2) far.write(chunk, () => near.destroy());
      return undefined;
    });
    far.on("data", (chunk) => near.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/auth`, killed: () => killed };
}

const newKey = 'openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" && ';
const otherName = `${newKey}openssl req -x509 -new -key "$1.key" -days 2 -subj /CN=other.example \\
  -addext subjectAltName=DNS:other.example -out "$1.pem"`;
/** openssl x509 takes no date in the past, but openssl ca does. */
const expiredCertificate = `${newKey}openssl req -new -key "$1.key" -subj /CN=localhost -out "$1.csr" && \\
  mkdir "$1" && touch "$1/index" && echo 01 > "$1/serial" && \\
  printf '[ca]\\ndefault_ca=c\\n[c]\\ndatabase=%s/index\\nserial=%s/serial\\nnew_certs_dir=%s\\ndefault_md=sha256\\npolicy=p\\nx509_extensions=e\\n[p]\\ncommonName=supplied\\n[e]\\nsubjectAltName=DNS:localhost\\nbasicConstraints=CA:TRUE\\n' "$1" "$1" "$1" > "$1.cnf" && \\
  openssl ca -batch -notext -selfsign -config "$1.cnf" -keyfile "$1.key" -in "$1.csr" -out "$1.pem" \\
  -startdate 20200101000000Z -enddate 20210101000000Z`;
