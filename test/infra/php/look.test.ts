// PHP's hints to the chat host: what is sent, that a fault costs the page little and nothing else, and that PHP's own
// session handlers go on as they do without it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../../infra/local/ports.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { filesIni, type Ini, iniArguments, memcachedIni } from "../../real/php.ts";

const library = fileURLToPath(new URL("../../../infra/php/inspectord.php", import.meta.url));
const token = "0123456789abcdef0123456789abcdef";

interface Hint {
  readonly method: string;
  readonly authorization: string;
  readonly body: string;
}

describe("PHP's hint that a session has ended", () => {
  const { it, before, after, beforeEach } = needing("php", "memcached");
  const directory = temporaryDirectory();
  const hints: Hint[] = [];
  let reply: (request: IncomingMessage, response: ServerResponse) => void;
  let server: Server;
  let url: string;
  let memcached: Memcached;

  before(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      request.on("end", () => {
        hints.push({
          method: request.method ?? "",
          authorization: request.headers.authorization ?? "",
          body,
        });
        reply(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/inspectord/look`;
    memcached = await startMemcached();
  });
  beforeEach(() => {
    hints.length = 0;
    reply = (_, response) => response.writeHead(204).end();
  });
  after(async () => {
    server?.closeAllConnections();
    server?.close();
    await memcached?.stop();
  });

  /** Runs PHP with the library beside this process, which answers it, and returns what it prints and reports. */
  function php(code: string, ini: Ini = {}): Promise<{ readonly said: string; readonly reported: string }> {
    const settings = {
      "session.use_cookies": 0,
      "session.cache_limiter": "",
      display_errors: "stderr",
      error_reporting: 32767,
      ...ini,
    };
    const program = `require ${JSON.stringify(library)}; const URL = ${JSON.stringify(url)}; const TOKEN = ${JSON.stringify(token)}; ${code}`;
    return new Promise((resolve, reject) => {
      execFile("php", [...iniArguments(settings), "-r", program], (error, said, reported) =>
        error === null ? resolve({ said, reported }) : reject(error),
      );
    });
  }
  const look = async (url: string, token: string, name: string) => {
    const values = [url, token, name].map((value) => JSON.stringify(value)).join(", ");
    const { said, reported } = await php(
      `$began = microtime(true); echo json_encode([inspectord_look(${values}), (microtime(true) - $began) * 1000]);`,
    );
    const [isTaken, tookMs] = JSON.parse(said) as [boolean, number];
    return { isTaken, tookMs, reported };
  };

  it("names the user's localpart, with the token, by POST", async (t) => {
    const { isTaken, tookMs, reported } = await look(url, token, "D'Artagnan @home");
    assert.deepEqual([isTaken, reported], [true, ""]);
    assert.deepEqual(hints, [
      { method: "POST", authorization: `Bearer ${token}`, body: "D\\27Artagnan\\20\\40home" },
    ]);
    t.diagnostic(`${tookMs.toFixed(1)} ms`);
  });

  it("sends no name of several lines, nor a token of several", async () => {
    for (const name of ["", "alice\nbob", "alice\r", "alice\t"]) {
      assert.equal((await look(url, token, name)).isTaken, false);
    }
    for (const wrong of ["", "a b", "x\r\nHost: other.example"]) {
      const { isTaken, reported } = await look(url, wrong, "alice");
      assert.equal(isTaken, false);
      assert.match(reported, /inspectord_look: .*there is no token/);
    }
    assert.equal((await look("/etc/passwd", token, "alice")).isTaken, false);
    assert.deepEqual(hints, []);
  });

  it("says in PHP's log that the token is refused, and never what it is", async () => {
    reply = (_, response) => response.writeHead(403).end();
    const { isTaken, reported } = await look(url, token, "alice");
    assert.equal(isTaken, false);
    assert.match(reported, /the chat host refuses the token/);
    assert.ok(!reported.includes(token));
  });

  it("says in PHP's log what somebody has to change, and nothing of a token", async () => {
    reply = (_, response) => response.writeHead(404).end();
    const other = await look(url, token, "alice");
    const plain = await look(url.replace("http:", "https:"), token, "alice");
    const closed = await php(`var_dump(inspectord_look(URL, TOKEN, "alice"));`, { allow_url_fopen: 0 });
    assert.deepEqual([other.isTaken, plain.isTaken, closed.said.trim()], [false, false, "bool(false)"]);
    assert.match(other.reported, /the URL answers 404/);
    assert.match(plain.reported, /no hint reaches the chat host: .*SSL/);
    assert.match(closed.reported, /no hint reaches the chat host: .*allow_url_fopen/);
    for (const { reported } of [other, plain, closed]) assert.ok(!reported.includes(token));
  });

  it("follows no redirection: the token is for one host", async () => {
    reply = (_, response) => response.writeHead(307, { location: `${url}/other` }).end();
    assert.equal((await look(url, token, "alice")).isTaken, false);
    assert.equal(hints.length, 1);
  });

  it("lets the page go on where the chat host is away or silent", async (t) => {
    const away = await look(`http://127.0.0.1:${await freePort()}/`, token, "alice");
    assert.deepEqual([away.isTaken, away.reported], [false, ""]);
    const silent = createTcpServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    try {
      const waited = await look(
        `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
        token,
        "alice",
      );
      assert.deepEqual([waited.isTaken, waited.reported], [false, ""]);
      t.diagnostic(`away: ${away.tookMs.toFixed(1)} ms, silent: ${waited.tookMs.toFixed(1)} ms`);
    } finally {
      silent.close();
    }
  });

  it("throws nothing, also where the site's error handler does", async () => {
    const throwing =
      "set_error_handler(function (int $level, string $said) { throw new ErrorException($said); });";
    const away = `http://127.0.0.1:${await freePort()}/`;
    const { said } = await php(
      `${throwing} var_dump(inspectord_look("${away}", TOKEN, "alice")); echo $undefined;`,
    ).catch((error: Error & { stdout?: string }) => ({ said: error.message }));
    assert.match(said, /Undefined variable/);
    assert.doesNotMatch(said, /fopen/);
  });

  const handler =
    'session_set_save_handler(new InspectordSessionHandler(URL, TOKEN, fn (array $session) => $session["user"] ?? null));';
  const savers = [
    ["files", () => filesIni(directory)],
    ["memcached", () => memcachedIni(`127.0.0.1:${memcached.port}`)],
  ] as const;
  for (const [name, ini] of savers) {
    const strict = () => ({ ...ini(), "session.use_strict_mode": 1 });
    const bodies = () => hints.map(({ body }) => body);

    it(`comes once with session_destroy(), also where $_SESSION is emptied before (${name})`, async () => {
      const logIn = `${handler} session_start(); $_SESSION = ["user" => "alice", "cart" => [new ArrayObject([1])]]; echo session_id();`;
      const id = (await php(logIn, ini())).said;
      assert.deepEqual(hints, []);
      const logOut = `${handler} session_id("${id}"); session_start(); $_SESSION = []; session_destroy(); echo json_encode($_SESSION);`;
      const { said, reported } = await php(logOut, strict());
      assert.deepEqual([said, reported], ["[]", ""]);
      assert.deepEqual(bodies(), ["alice"]);
      // It has gone, and nobody is logged in with it.
      const after = await php(`session_id("${id}"); session_start(); echo json_encode($_SESSION);`, ini());
      assert.equal(after.said, "[]");
    });

    it(`comes with session_regenerate_id(true), and not with (false), a guest's end or a page (${name})`, async () => {
      const page = `${handler} session_start(); $_SESSION["user"] = "alice"; session_write_close(); session_start();`;
      await php(`${page} $_SESSION["seen"] = 1;`, strict());
      await php(`${page} session_regenerate_id(false);`, strict());
      await php(`${handler} session_start(); session_destroy();`, strict());
      assert.deepEqual(bodies(), []);
      const { said } = await php(
        `${page} session_regenerate_id(true); session_write_close(); session_start(); echo $_SESSION["user"];`,
        strict(),
      );
      assert.deepEqual([said, ...bodies()], ["alice", "alice"]);
    });

    it(`costs no page where a session cannot be decoded, and ends it as PHP does (${name})`, async () => {
      const id = "broken0session0of0alice000";
      const written = `session_id("${id}"); session_start(); $_SESSION = ["x|O:99:broken" => 1];`;
      const ofOther = { ...ini(), "session.serialize_handler": "php_serialize" };
      const page = `session_id("${id}"); echo json_encode([session_start(), $_SESSION, session_status()]);`;
      const answers = [];
      for (const begin of ["", handler]) {
        await php(written, ofOther);
        answers.push(await php(`${begin} ${page}`, ini()));
      }
      const [plain, own] = answers.map(({ said, reported }) => [said, reported.trim().split("\n").length]);
      assert.match(plain?.[0] as string, /^\[false,/);
      assert.deepEqual(own, plain);
      const after = await php(`session_id("${id}"); session_start(); echo json_encode($_SESSION);`, ini());
      assert.equal(after.said, "[]");
    });

    it(`ends the session where the site's own function fails (${name})`, async () => {
      const failing = handler.replace('$session["user"] ?? null', 'throw new RuntimeException("secret")');
      const id = (await php(`session_start(); $_SESSION = ["user" => "alice"]; echo session_id();`, ini()))
        .said;
      const { reported } = await php(
        `${failing} session_id("${id}"); session_start(); session_destroy();`,
        ini(),
      );
      assert.match(reported, /there is no hint: RuntimeException/);
      assert.doesNotMatch(reported, /secret/);
      const after = await php(`session_id("${id}"); session_start(); echo json_encode($_SESSION);`, ini());
      assert.equal(after.said, "[]");
    });

    it(`takes no session id that PHP did not make, in strict mode (${name})`, async () => {
      const made = "made0up0by0an0attacker0000";
      const { said } = await php(
        `${handler} session_id("${made}"); session_start(); echo session_id();`,
        strict(),
      );
      assert.notEqual(said, made);
      assert.match(said, /^[A-Za-z0-9,-]{22,}$/);
    });

    it(`keeps what was written, also where nothing changes (${name})`, async () => {
      const id = (
        await php(`${handler} session_start(); $_SESSION = ["user" => "bob"]; echo session_id();`, ini())
      ).said;
      const again = `${handler} session_id("${id}"); session_start(); echo session_id(), " ", $_SESSION["user"];`;
      assert.equal((await php(again, strict())).said, `${id} bob`);
      assert.equal((await php(again, strict())).said, `${id} bob`);
    });
  }
});
