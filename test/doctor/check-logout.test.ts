import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { checkApi } from "../../doctor/check-api.ts";
import { checkLogout } from "../../doctor/check-logout.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import { localKey } from "../../infra/local/api.ts";
import { readConfig } from "../../relay/config.ts";
import { type Reply, type StandIn, say, startStandIn, tell } from "../stand-in/api-gateway.ts";
import { but, settingsOf, well, wrong } from "./settings-of.ts";

const findingsIn = (text: string) => {
  const settings = settingsOf(text);
  return checkLogout(settings, hostsOf(settings));
};
const logoutIn = (text: string) => wrong(findingsIn(text));
/** The settings with the module and these options. */
const watched = (...options: readonly string[]) =>
  `${well}  mod_inspectord:\n${["mode: end", ...options].map((line) => `    ${line}\n`).join("")}`;

describe("the doctor on logouts", () => {
  it("says where no logout ends a chat, and finds nothing wrong in that", () => {
    assert.deepEqual(logoutIn(well), []);
    assert.match(findingsIn(well)[0]?.says ?? "", /mod_inspectord is not loaded/);
  });

  it("finds nothing where the module ends what has ended", () => {
    assert.deepEqual(logoutIn(watched()), []);
    const all = ["socket: /run/inspectord/relay.sock", "interval: 30s", "confirm_after: 5 seconds"];
    const brake = ["brake_percent: 10", "brake_least: 100", "brake_hold: 1 hour", "sessionless: refuse"];
    assert.deepEqual(logoutIn(watched(...all, ...brake)), []);
    assert.match(findingsIn(watched("interval: 30s"))[0]?.says ?? "", /ends its chats within 30s/);
  });

  it("warns of a module that only observes, as it does unless told", () => {
    const text = `${well}  mod_inspectord: {}\n`;
    assert.deepEqual(logoutIn(text), ["warn logout 19: change", "warn logout 19: change"]);
    assert.match(findingsIn(text)[0]?.says ?? "", /only observes/);
  });

  it("finds each option that ejabberd would not take", () => {
    for (const [option, isRight] of [
      ["interval: 5s", true],
      ["interval: 10m", true],
      ["interval: 10 minutes", true],
      ["interval: 4s", false],
      ["interval: 11m", false],
      ["interval: 10000", false],
      ["interval: soon", false],
      ["confirm_after: 61s", false],
      ["mode: off", false],
      ["brake_percent: 0", false],
      ["brake_percent: 101", false],
      ["brake_least: 0", false],
      ["brake_hold: 2d", false],
      ["socket: relay.sock", false],
      [`socket: /${"x".repeat(107)}`, false],
      ["sessionless: deny", false],
      ["hint_token: short", false],
      ["brake: 10", false],
    ] as const) {
      const wrongs = findingsIn(watched(option)).filter(({ says }) => /does not start/.test(says));
      assert.equal(wrongs.length > 0, !isRight, option);
      for (const { level, at } of wrongs) assert.deepEqual([level, at?.line], ["fail", 21], option);
    }
  });

  it("finds a module that no hint and no interval wakes", () => {
    assert.match(logoutIn(watched("interval: off")).join(), /^fail logout 21: change/);
    const token = `hint_token: ${"t".repeat(32)}`;
    const heard = but(
      "/ws: ejabberd_http_ws",
      "/inspectord: inspectord_http",
      watched("interval: off", token),
    );
    assert.deepEqual(logoutIn(heard), []);
    assert.match(findingsIn(heard)[0]?.says ?? "", /by hints alone/);
  });

  it("finds hints that nobody takes", () => {
    const token = `hint_token: ${"t".repeat(32)}`;
    assert.deepEqual(logoutIn(watched(token)), ["warn logout 21: change"]);
    const refused = but("/ws: ejabberd_http_ws", "/inspectord: inspectord_http", watched());
    assert.deepEqual(logoutIn(refused), ["warn logout 16: change"]);
  });

  it("finds a host that nobody watches, and one of which nothing can be watched", () => {
    const one = `${well}host_config: {other.org: {modules: {mod_inspectord: {mode: end}}}}\n`;
    assert.deepEqual(logoutIn(one), ["warn logout 2: change"]);
    const pool = but("auth_method: [inspectord]", "auth_method: [external]", watched());
    assert.deepEqual([...new Set(logoutIn(pool))], ["fail logout 19: change"]);
    assert.deepEqual(logoutIn(but("auth_method: [inspectord]", "auth_method: [extguard]", watched())), []);
  });

  it("finds another socket than the one that logins take, and tokens that are let in", () => {
    assert.deepEqual([...new Set(logoutIn(watched("socket: /run/other.sock")))], ["warn logout 19: change"]);
    assert.deepEqual([...new Set(logoutIn(watched("sessionless: allow")))], ["warn logout 21: change"]);
  });

  it("says that MQTT sessions are not ended", () => {
    const found = findingsIn(`${watched()}  mod_mqtt: {}\n`).filter(({ level }) => level !== "ok");
    assert.equal(found.length, 1);
    assert.match(found[0]?.says ?? "", /ends no MQTT session/);
  });
});

describe("the doctor on an API that is asked about connections", () => {
  let api: StandIn;
  after(() => api.stop());

  /** Refuses every login, and answers so about connections. */
  async function logoutRows(reply: Reply, isWatched = true) {
    await api?.stop();
    api = await startStandIn((body, response, request) =>
      (request.url === "/logins" ? reply : tell({ allow: false, reason: "no-session" }))(
        body,
        response,
        request,
      ),
    );
    const read = readConfig([api.url, "--region", "eu-central-1"], { ...localKey });
    if (!("config" in read)) return assert.fail("configuration");
    const rows: string[] = [];
    const target = { config: read.config, ca: undefined, at: undefined, hosts: [], login: undefined };
    for await (const { level, check, says } of checkApi({ ...target, isWatched, runsPrograms: false })) {
      if (check === "logout") rows.push(`${level}: ${says}`);
    }
    return rows.join("\n");
  }

  it("is content where it tells that a made-up session has ended", async () => {
    assert.match((await logoutRows(tell({ live: "0" }))) ?? "", /^ok: .*has ended$/);
    const { logins, server } = JSON.parse(api.bodies.at(-1) ?? "{}");
    assert.equal(server, "localhost");
    assert.match(logins[0][1], /^[0-9a-f]{32}$/);
  });

  it("says what is missing where the route or the right is", async () => {
    const without = await logoutRows(say(404, '{"message":"Not Found"}'));
    assert.match(without ?? "", /^fail: the API has no POST \/logins/);
    const forbidden = await logoutRows(say(403, '{"message":"Forbidden"}'));
    assert.match(forbidden ?? "", /^fail: this host may not call POST \/logins/);
  });

  it("takes neither a yes nor an unknown for right", async () => {
    assert.match((await logoutRows(tell({ live: "1" }))) ?? "", /^fail/);
    assert.match((await logoutRows(tell({ live: "?" }))) ?? "", /^warn/);
    assert.match(
      (await logoutRows(say(503, '{"error":"unavailable"}'))) ?? "",
      /^fail: the function has no verdict/,
    );
  });

  it("is not asked where no host is watched", async () => {
    assert.equal(await logoutRows(() => assert.fail("asked"), false), "");
  });
});
