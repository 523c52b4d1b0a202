// WordPress' own code with our plugin: whose session the function finds, and from when on it finds none.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { cpSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { createInspect } from "../../../handlers/compose.ts";
import { readConfig } from "../../../handlers/configuration.ts";
import { type SqlServer, startMariaDb } from "../../real/mariadb.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { type Redis, startRedis } from "../../real/redis.ts";
import { startWordPress, Visitor, type WordPress, wordpressPassword } from "../../real/wordpress.ts";

const host = "example.org";
const keys = `1:${randomBytes(32).toString("base64url")}`;

/** What other plugins do to a login, where the request's header says which. */
const otherPlugins = `<?php
$case = $_SERVER['HTTP_X_CASE'] ?? '';
// Two Factor, at a login: the cookie is set, the password's token is destroyed, and a second form is shown.
if ($case === 'second-factor') {
    add_action('wp_login', function ($name, $user) {
        WP_Session_Tokens::get_instance($user->ID)->destroy_all();
        wp_clear_auth_cookie();
        exit;
    }, 10, 2);
}
// A plugin that holds every page back until something is done.
if ($case === 'held-back') {
    add_filter('inspectord_may_chat', '__return_false');
}
// User Switching.
if ($case === 'switched') {
    add_filter('attach_session_information', fn ($session) => $session + ['switched_from_id' => 1]);
}
if ($case === 'short') {
    add_filter('auth_cookie_expiration', fn () => 3);
}
// A plugin that keeps the tokens elsewhere.
if ($case === 'other-manager') {
    add_filter('session_token_manager', function () {
        class_exists('Other_Tokens') || eval('class Other_Tokens extends WP_User_Meta_Session_Tokens {}');
        return 'Other_Tokens';
    });
}
// Somebody logs out everywhere, in another process, after this one has checked the cookie.
if ($case === 'logout-meanwhile') {
    add_filter('inspectord_may_chat', function ($may) {
        global $wpdb;
        $wpdb->query("DELETE FROM $wpdb->usermeta WHERE meta_key = 'session_tokens'");
        return $may;
    });
}
`;

/** What ends all of a user's logins, whose id is $in. */
const changes = [
  ["a password that the user had reset", "reset_password(get_userdata($in), 'reset password 44');"],
  ["a password that an administrator set", "wp_set_password('set password 45', $in);"],
  [
    "another name",
    "$wpdb->update($wpdb->users, ['user_login' => 'alicia'], ['ID' => $in]); clean_user_cache($in);",
  ],
  ["the user's last role taken away", "get_userdata($in)->set_role('');"],
  ["roles that a plugin writes", "update_user_meta($in, 'wp_capabilities', []);"],
  ["the user", "require ABSPATH . 'wp-admin/includes/user.php'; wp_delete_user($in);"],
  ["all of the user's tokens", "WP_Session_Tokens::get_instance($in)->destroy_all();"],
  ["everybody's tokens", "WP_Session_Tokens::destroy_all_for_all_users();"],
  ["the meta of the tokens", "delete_user_meta($in, 'session_tokens');"],
  [
    "an end that a plugin set",
    "$all = get_user_meta($in, 'session_tokens', true); foreach ($all as &$one) $one['expiration'] = time() - 1;" +
      "update_user_meta($in, 'session_tokens', $all);",
  ],
] as const;

describe("a login of WordPress", () => {
  const { it, before, after, beforeEach } = needing("wordpress", "mariadb", "php", "redis", "memcached");
  let redis: Redis;
  let memcached: Memcached;
  let database: SqlServer;
  let site: WordPress;
  let settings: Record<string, string>;
  /** WordPress' ids of the users, by their names. */
  let ids: Readonly<Record<string, number>>;
  let inspect: Awaited<ReturnType<typeof createInspect>>;

  const inspectIn = async (SESSION_STORE: string) => {
    const config = await readConfig({
      ...{ SESSION_STORE, SESSION_PRESET: "wordpress", SERVED_HOSTS: `${host},example.net` },
      ...{ TICKETS: "required", TICKET_KEYS: keys },
    });
    assert.ok(!("problems" in config), JSON.stringify(config));
    return createInspect(config, () => {});
  };

  before(async () => {
    [redis, memcached, database] = await Promise.all([startRedis(), startMemcached(), startMariaDb()]);
    const INSPECTORD_STORE = `redis://127.0.0.1:${redis.port}/3`;
    settings = { INSPECTORD_STORE, INSPECTORD_HOST: host, INSPECTORD_TICKET_KEYS: keys };
    site = await startWordPress(database, settings);
    writeFileSync(join(site.plugins, "others.php"), otherPlugins);
    const names = ["alice", "bob", "carol", "john doe", "o.neil-x_y@example.org"];
    const code =
      'foreach ($in["names"] as $name) $ids[$name] = wp_create_user($name, $in["password"], md5($name) . "@example.org");' +
      "echo json_encode($ids);";
    const users = { names: [...names, ...changes.map((_, i) => `user${i}`)], password: wordpressPassword };
    ids = JSON.parse(await site.run(code, users));
    inspect = await inspectIn(INSPECTORD_STORE);
  });
  after(async () => {
    await site?.stop();
    await Promise.all([redis?.stop(), memcached?.stop(), database?.stop()]);
  });
  beforeEach(async () => {
    site.configure(settings);
    await redis.tell(["FLUSHALL"]);
  });

  /** Returns the verdict on a login by this ticket. */
  const verdict = async (password: string | undefined, user = "alice", server = host) => {
    const found = await inspect({ op: "auth", user, server, password: password ?? "" });
    return found.outcome === "refused" ? found.reason : found.outcome;
  };
  const logIn = async (user = "alice", password = wordpressPassword) => {
    const visitor = new Visitor(site);
    assert.ok(await visitor.logIn(user, password));
    return visitor;
  };
  /** Returns a visitor who is logged in and chats, and the ticket that they chat by. */
  const chatting = async (user = "alice") => {
    const visitor = await logIn(user);
    const { password } = await visitor.ticket();
    assert.equal(await verdict(password, user.replace(" ", "\\20")), "allowed");
    return { visitor, password };
  };
  const keysInRedis = async () =>
    (await redis.tell(["SELECT", "3"], ["KEYS", "*"])).match(/inspectord_wordpress:\S+/g) ?? [];

  it("is the user's, on their host and nobody else's", async () => {
    const visitor = await logIn();
    const { jid, password } = await visitor.ticket();
    assert.equal(jid, `alice@${host}`);
    assert.equal(await verdict(password), "allowed");
    assert.equal(await verdict(password, "bob"), "other-user");
    assert.equal(await verdict(password, "admin"), "other-user");
    assert.equal(await verdict(password, "alice", "example.net"), "ticket-other-host");
  });

  it("has a session under the token's hash, with an end, and its token nowhere in the store", async () => {
    const visitor = await logIn();
    await visitor.ticket();
    const hash = createHash("sha256").update(visitor.token()).digest("base64url");
    assert.deepEqual(await keysInRedis(), [`inspectord_wordpress:${hash}`]);
    const all = await redis.tell(
      ["SELECT", "3"],
      ["GET", `inspectord_wordpress:${hash}`],
      ["TTL", `inspectord_wordpress:${hash}`],
    );
    assert.ok(!all.includes(visitor.token()));
    const twoDays = 2 * 24 * 3600;
    const seconds = Number(/:(\d+)\r\n$/.exec(all)?.[1]);
    assert.ok(seconds > twoDays - 600 && seconds <= twoDays, String(seconds));
    assert.equal(await verdict(visitor.token()), "ticket-required");
  });

  it("has a session in memcached just so", async () => {
    const INSPECTORD_STORE = `memcached://127.0.0.1:${memcached.port}`;
    site.configure({ ...settings, INSPECTORD_STORE });
    const visitor = await logIn();
    const { password = "" } = await visitor.ticket();
    const inMemcached = await inspectIn(INSPECTORD_STORE);
    const login = { op: "auth", user: "alice", server: host, password } as const;
    assert.deepEqual(await inMemcached(login), { outcome: "allowed" });
    await visitor.logOut();
    assert.deepEqual(await inMemcached(login), { outcome: "refused", reason: "no-session" });
  });

  it("is that of a name with blanks and signs, too", async () => {
    for (const [name, localpart] of [
      ["john doe", "john\\20doe"],
      ["o.neil-x_y@example.org", "o.neil-x_y\\40example.org"],
    ] as const) {
      const { jid, password } = await (await logIn(name)).ticket();
      assert.equal(jid, `${localpart}@${host}`);
      assert.equal(await verdict(password, localpart), "allowed", name);
    }
  });

  it("is nobody's without a cookie of WordPress, and by another site's page", async () => {
    const { visitor } = await chatting();
    assert.equal((await new Visitor(site).ticket()).status, 401);
    assert.equal((await visitor.ticket({ "Sec-Fetch-Site": "cross-site" })).status, 403);
  });

  it("is nobody's by two users' cookies, and by an application password beside a cookie", async () => {
    const visitor = await logIn("bob");
    visitor.takeCookie("logged_in", await logIn("alice"));
    assert.equal((await visitor.ticket()).status, 401);
    const secret = await site.run(
      'add_filter("wp_is_application_passwords_available", "__return_true");' +
        'echo WP_Application_Passwords::create_new_application_password($in, ["name" => "x"])[0];',
      ids["alice"],
    );
    const basic = `Basic ${Buffer.from(`alice:${secret}`).toString("base64")}`;
    assert.equal((await new Visitor(site).ticket({ Authorization: basic })).status, 401);
    assert.deepEqual(await keysInRedis(), []);
  });

  it("ends with the logout", async () => {
    const { visitor, password } = await chatting();
    const other = await chatting();
    await visitor.logOut();
    assert.equal(await verdict(password), "no-session");
    assert.equal(await verdict(other.password), "allowed");
    assert.equal((await visitor.ticket()).status, 401);
  });

  it("ends where the user logs out everywhere else, and goes on where they do it", async () => {
    const here = await chatting();
    const there = await chatting();
    const { text } = await here.visitor.ask("/wp-admin/profile.php");
    const nonce = /name="_wpnonce" value="([0-9a-f]+)"/.exec(text)?.[1] ?? "";
    const fields = { action: "destroy-sessions", nonce, user_id: String(ids["alice"]) };
    const { status } = await here.visitor.ask("/wp-admin/admin-ajax.php", fields);
    assert.equal(status, 200);
    assert.equal(await verdict(there.password), "no-session");
    assert.equal(await verdict(here.password), "allowed");
    assert.equal((await there.visitor.ticket()).status, 401);
  });

  it("ends everywhere with a new password on the profile, and begins again by the new cookie", async () => {
    const here = await chatting("carol");
    const there = await chatting("carol");
    const { text } = await here.visitor.ask("/wp-admin/profile.php");
    const nonce = /name="_wpnonce" value="([0-9a-f]+)"/.exec(text)?.[1] ?? "";
    const password = "another password, just as long 43";
    const { status } = await here.visitor.ask("/wp-admin/profile.php", {
      ...{ action: "update", _wpnonce: nonce, user_id: String(ids["carol"]), email: "carol@example.org" },
      ...{ nickname: "carol", pass1: password, pass2: password },
    });
    assert.equal(status, 302);
    assert.equal(await verdict(here.password, "carol"), "no-session");
    assert.equal(await verdict(there.password, "carol"), "no-session");
    assert.equal((await there.visitor.ticket()).status, 401);
    assert.equal(await verdict((await here.visitor.ticket()).password, "carol"), "allowed");
  });

  for (const [i, [name, code]] of changes.entries()) {
    it(`ends with ${name}`, async () => {
      const user = `user${i}`;
      const { visitor, password } = await chatting(user);
      await site.run(`global $wpdb; ${code}`, ids[user]);
      assert.equal(await verdict(password, user), "no-session");
      assert.equal((await visitor.ticket()).status, 401);
      assert.deepEqual(await keysInRedis(), []);
    });
  }

  it("ends at the time that WordPress gave it", async () => {
    const visitor = new Visitor(site);
    const headers = { "X-Case": "short" };
    await visitor.ask("/wp-login.php");
    await visitor.ask("/wp-login.php", { log: "alice", pwd: wordpressPassword, testcookie: "1" }, headers);
    const { password } = await visitor.ticket();
    for (let waits = 0; waits < 200 && (await verdict(password)) !== "no-session"; waits++)
      await new Promise((done) => setTimeout(done, 100));
    assert.equal(await verdict(password), "no-session");
    assert.equal((await visitor.ticket()).status, 401);
  });

  it("ends with the cookie, where WordPress takes it away and leaves the token", async () => {
    const { visitor, password } = await chatting();
    const thief = visitor.copy();
    await visitor.ask("/wp-login.php?reauth=1");
    assert.equal(await verdict(password), "no-session");
    // WordPress itself still takes the cookie from whoever has it.
    assert.equal((await thief.ticket()).status, 200);
  });

  it("goes on while anybody else asks for a new password, or sends a cookie that WordPress did not make", async () => {
    const { visitor, password } = await chatting();
    await new Visitor(site).ask("/wp-login.php?action=lostpassword", { user_login: "alice" });
    const stranger = await logIn("bob");
    const forged = `alice|9999999999|${visitor.token().slice(1)}x|${"0".repeat(64)}`;
    await stranger.ask("/wp-login.php?reauth=1", undefined, {
      Cookie: `wordpress_logged_in_${"0".repeat(32)}=${encodeURIComponent(forged)}`,
    });
    await site.run("wp_update_user(['ID' => $in, 'display_name' => 'A.']);", ids["alice"]);
    assert.equal(await verdict(password), "allowed");
  });

  it("has no session before a ticket is asked for, and none while its second factor is pending", async () => {
    const visitor = new Visitor(site);
    await visitor.ask("/wp-login.php");
    const fields = { log: "alice", pwd: wordpressPassword, testcookie: "1" };
    await visitor.ask("/wp-login.php", fields, { "X-Case": "second-factor" });
    assert.equal((await visitor.ticket()).status, 401);
    await logIn();
    assert.deepEqual(await keysInRedis(), []);
  });

  it("has no session where a plugin holds the user back, or an administrator is in the user's place", async () => {
    const visitor = await logIn();
    assert.equal((await visitor.ticket({ "X-Case": "held-back" })).status, 401);
    const fields = { log: "alice", pwd: wordpressPassword, testcookie: "1" };
    const switched = new Visitor(site);
    await switched.ask("/wp-login.php");
    await switched.ask("/wp-login.php", fields, { "X-Case": "switched" });
    assert.ok(switched.cookie("logged_in"));
    assert.equal((await switched.ticket()).status, 401);
    assert.deepEqual(await keysInRedis(), []);
  });

  it("has no session where the user logs out while it is written", async () => {
    const visitor = await logIn();
    assert.equal((await visitor.ticket({ "X-Case": "logout-meanwhile" })).status, 401);
    assert.deepEqual(await keysInRedis(), []);
  });

  it("has no session where another plugin keeps the tokens, and the log says so", async () => {
    const visitor = await logIn();
    assert.equal((await visitor.ticket({ "X-Case": "other-manager" })).status, 503);
    assert.deepEqual(await keysInRedis(), []);
    assert.match(site.log(), /inspectord: no ticket: another plugin keeps the session tokens/);
  });

  it("ends by WP-Cron where the store did not answer at the logout, and has no ticket meanwhile", async () => {
    const { visitor, password } = await chatting();
    const token = visitor.token();
    site.configure({ ...settings, INSPECTORD_STORE: "redis://:not-for-the-log@127.0.0.1:1" });
    assert.equal((await visitor.ticket()).status, 503);
    await visitor.logOut();
    site.configure(settings);
    assert.equal(await verdict(password), "allowed");
    await site.run(
      "foreach (_get_cron_array() as $events) if ($args = $events['inspectord_end'] ?? null)" +
        " foreach ($args as $event) do_action_ref_array('inspectord_end', $event['args']);",
    );
    assert.equal(await verdict(password), "no-session");
    const log = site.log();
    assert.match(log, /inspectord: sessions are not ended yet, and will be: /);
    for (const secret of ["not-for-the-log", token, keys.slice(2), password ?? ""]) {
      assert.ok(!log.includes(secret), secret.slice(0, 3));
    }
  });

  it("has no ticket with a wrong configuration, and the log says which", async () => {
    const visitor = await logIn();
    for (const [change, said] of [
      [
        { INSPECTORD_STORE: "redis://secret-host" },
        "INSPECTORD_STORE is wrong: write redis://HOST:PORT/DATABASE",
      ],
      [{ INSPECTORD_STORE: "files:///tmp" }, "INSPECTORD_STORE is wrong"],
      [{ INSPECTORD_HOST: "" }, "wp-config.php has no INSPECTORD_HOST"],
      [{ INSPECTORD_TICKET_KEYS: "1:short" }, "the keys are not written ID:KEY"],
    ] as const) {
      site.configure({ ...settings, ...change });
      assert.equal((await visitor.ticket()).status, 503);
      assert.ok(site.log().includes(said), said);
    }
    assert.ok(!site.log().includes("secret-host"));
  });

  it("has no session by an ordinary plugin, which could be switched off", async () => {
    const plugin = join(site.plugins, "..", "plugins", "inspectord");
    mkdirSync(plugin);
    cpSync(join(site.plugins, "inspectord"), join(plugin, "inspectord"), { recursive: true });
    renameSync(join(site.plugins, "inspectord.php"), join(plugin, "inspectord.php"));
    try {
      await site.run('update_option("active_plugins", ["inspectord/inspectord.php"]);');
      const visitor = await logIn("admin");
      const { text } = await visitor.ask("/wp-admin/");
      assert.match(text, /InspectorD does nothing here: move it to wp-content\/mu-plugins/);
      assert.equal((await visitor.ask("/wp-admin/admin-ajax.php?action=inspectord_ticket")).text, "0");
    } finally {
      await site.run('update_option("active_plugins", []);');
      renameSync(join(plugin, "inspectord.php"), join(site.plugins, "inspectord.php"));
    }
  });

  // The last one: a network stays one.
  it("is, in a network of sites, that of a user with a role on the site, and ends where they are a spammer", async () => {
    const domain = new URL(site.url).host;
    await site.run(
      'require ABSPATH . "wp-admin/includes/upgrade.php"; global $wpdb;' +
        "foreach ($wpdb->tables('ms_global') as $table => $prefixed) $wpdb->$table = $prefixed; install_network();" +
        'populate_network(1, $in, "admin@example.org", "A network", "/", false);',
      domain,
    );
    site.configure({
      ...{ ...settings, MULTISITE: "1", SUBDOMAIN_INSTALL: "", DOMAIN_CURRENT_SITE: domain },
      ...{ PATH_CURRENT_SITE: "/", SITE_ID_CURRENT_SITE: "1", BLOG_ID_CURRENT_SITE: "1" },
    });
    const { visitor, password } = await chatting("bob");
    await site.run("wp_update_user(['ID' => $in, 'spam' => 1]);", ids["bob"]);
    assert.equal(await verdict(password, "bob"), "no-session");
    assert.equal((await visitor.ticket()).status, 401);

    const member = await chatting("john doe");
    await site.run("remove_user_from_blog($in, 1);", ids["john doe"]);
    assert.equal(await verdict(member.password, "john\\20doe"), "no-session");
    assert.equal((await member.visitor.ticket()).status, 401);
  });
});
