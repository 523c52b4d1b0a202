import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { readConfig, readStage } from "../../handlers/configuration.ts";
import { Search } from "../../inspector/expressions/search.ts";
import { placementModes } from "../../inspector/placement-modes.ts";
import { presetNames } from "../../inspector/preset-names.ts";
import { type Preset, presets } from "../../inspector/presets.ts";
import { phpSessionId } from "../../protocol/password.ts";

const good = {
  SESSION_STORE: "memcached://127.0.0.1:11211",
  AUTHENTICATED_EXPRESSION: '"symfony/user/sfUser/authenticated"',
  USER_EXPRESSION: "user.name",
  SERVED_HOSTS: "example.org, chat.example.org",
};

async function problemsOf(changes: Record<string, string | undefined>): Promise<string[]> {
  const config = await readConfig({ ...good, ...changes });
  return "problems" in config ? config.problems : [];
}

describe("the function's configuration", () => {
  it("is one frozen object", async () => {
    const config = await readConfig(good);
    assert.ok(Object.isFrozen(config));
    assert.ok("keyOf" in config);
    assert.deepEqual(
      { ...config, keyOf: config.keyOf("ID") },
      {
        store: {
          kind: "memcached",
          nodes: [{ host: "127.0.0.1", port: 11211, weight: 1 }],
          isEncrypted: false,
        },
        placement: "ketama",
        replicas: 0,
        keyOf: "memc.sess.key.ID",
        sessionId: phpSessionId,
        layers: [],
        serializeHandler: "php",
        laravelKeys: [],
        expressions: { authenticated: '"symfony/user/sfUser/authenticated"', user: "user.name" },
        servedHosts: new Set(["example.org", "chat.example.org"]),
        isUserPolicy: "all",
        namesDifferByCase: false,
      },
    );
  });

  it("has PHP's own key prefix for each store unless told, and none when told so", async () => {
    const prefixOf = async (changes: Record<string, string>) => {
      const config = await readConfig({ ...good, ...changes });
      return "keyOf" in config ? config.keyOf("") : undefined;
    };
    assert.equal(await prefixOf({}), "memc.sess.key.");
    assert.equal(await prefixOf({ SESSION_STORE: "files:///tmp" }), "sess_");
    assert.equal(await prefixOf({ SESSION_STORE: "elasticache://sessions" }), "memc.sess.key.");
    assert.equal(
      await prefixOf({ SESSION_STORE: "elasticache://sessions", SESSION_PRESET: "joomla" }),
      await prefixOf({ SESSION_PRESET: "joomla" }),
    );
    assert.equal(await prefixOf({ SESSION_STORE: "redis://a:1" }), "PHPREDIS_SESSION:");
    assert.equal(await prefixOf({ SESSION_STORE: "dynamodb://sessions" }), "PHPSESSID_");
    assert.equal(
      await prefixOf({ SESSION_STORE: "redis://a:1", SESSION_PLACEMENT: "client-modula" }),
      "PHPREDIS_SESSION:",
    );
    assert.equal(await prefixOf({ SESSION_KEY_PREFIX: "memc.sess." }), "memc.sess.");
    assert.equal(await prefixOf({ SESSION_KEY_PREFIX: "" }), "");
    assert.equal(await prefixOf({ SESSION_PLACEMENT: "modula" }), "memc.sess.key.");
    assert.equal(await prefixOf({ SESSION_PLACEMENT: "pecl-consistent" }), "");
    assert.equal(await prefixOf({ SESSION_PLACEMENT: "pecl-standard", SESSION_KEY_PREFIX: "shop" }), "shop");
  });

  it("knows every placement of sessions, and up to nine copies", async () => {
    for (const mode of placementModes) {
      const changes = { SESSION_PLACEMENT: mode, SESSION_REPLICAS: "9", SESSION_KEY_PREFIX: "sf2s" };
      const config = await readConfig({ ...good, ...changes });
      assert.ok("placement" in config, mode);
      assert.equal(config.placement, mode);
      assert.equal(config.replicas, 9);
    }
  });

  it("cannot guess the prefix that a site's own \\Memcached client has", async () => {
    const problems = await problemsOf({ SESSION_PLACEMENT: "client-modula" });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /^SESSION_KEY_PREFIX is missing: it must be /);
    assert.deepEqual(
      await problemsOf({ SESSION_PLACEMENT: "client-modula", SESSION_KEY_PREFIX: "sf2s" }),
      [],
    );
  });

  it("has PHP's own serialize handler unless told another", async () => {
    const handlerOf = async (changes: Record<string, string>) => {
      const config = await readConfig({ ...good, ...changes });
      return "serializeHandler" in config ? config.serializeHandler : undefined;
    };
    assert.equal(await handlerOf({}), "php");
    for (const name of ["php", "php_binary", "php_serialize", "igbinary", "msgpack", "json"]) {
      assert.equal(await handlerOf({ SESSION_SERIALIZE_HANDLER: name }), name);
    }
  });

  it("takes from a preset what no variable of its own says", async () => {
    const { SESSION_STORE, SERVED_HOSTS } = good;
    const withPreset = async (changes: Record<string, string>) => {
      const config = await readConfig({ SESSION_STORE, SERVED_HOSTS, ...changes });
      assert.ok(!("problems" in config), JSON.stringify(config));
      return config;
    };
    assert.deepEqual(Object.keys(presets), presetNames);
    for (const [name, preset] of Object.entries<Preset>(presets)) {
      const isPrefixKnown = preset.keyPrefix["memcached"] !== null && name !== "typo3";
      if (preset.keyPrefix["memcached"] === null) {
        const problems = await problemsOf({ SESSION_PRESET: name });
        assert.match(problems.join(), /^SESSION_KEY_PREFIX is missing/, name);
      }
      const SESSION_KEY_PREFIX = isPrefixKnown ? {} : { SESSION_KEY_PREFIX: "" };
      const config = await withPreset({ SESSION_PRESET: name, ...SESSION_KEY_PREFIX });
      assert.deepEqual(config.sessionId, preset.sessionId ?? phpSessionId, name);
      assert.deepEqual(config.layers, preset.layers?.["memcached"] ?? [], name);
      const { search, ...expressions } = config.expressions;
      assert.deepEqual(expressions, preset.expressions, name);
      assert.equal(search !== undefined, name !== "plain", name);
      assert.equal(config.serializeHandler, preset.serializeHandler, name);
      const own = { AUTHENTICATED_EXPRESSION: "a", USER_EXPRESSION: "b", SESSION_SERIALIZE_HANDLER: "php" };
      const changed = await withPreset({ SESSION_PRESET: name, SESSION_KEY_PREFIX: "", ...own });
      assert.deepEqual(changed.expressions, { authenticated: "a", user: "b" });
      assert.equal(changed.serializeHandler, "php");
      assert.equal(changed.keyOf(""), "");
    }
    assert.equal((await withPreset({ SESSION_PRESET: "laravel" })).keyOf(""), "laravel_cache_");
    assert.equal(
      (await withPreset({ SESSION_PRESET: "laravel", SESSION_STORE: "files:///tmp" })).keyOf(""),
      "",
    );
    assert.equal((await withPreset({ SESSION_PRESET: "symfony" })).keyOf(""), "memc.sess.key.");
    assert.equal(
      (await withPreset({ SESSION_PRESET: "symfony", SESSION_STORE: "redis://a:1" })).keyOf(""),
      "sf_s",
    );
  });

  it("has a preset's whole key, unless a key or a prefix is told", async () => {
    const { SESSION_STORE, SERVED_HOSTS } = good;
    const keyOf = async (changes: Record<string, string>) => {
      const config = await readConfig({
        SESSION_STORE,
        SERVED_HOSTS,
        SESSION_PRESET: "wordpress",
        ...changes,
      });
      return "problems" in config ? config.problems : config.keyOf("abc");
    };
    const hash = createHash("sha256").update("abc").digest("base64url");
    assert.equal(await keyOf({}), `inspectord_wordpress:${hash}`);
    assert.equal(await keyOf({ SESSION_KEY: "mine:{id}" }), "mine:abc");
    assert.equal(await keyOf({ SESSION_KEY_PREFIX: "mine:" }), "mine:abc");
    // The plugin has one Redis, and would not spread its keys as PHP's save handler does.
    assert.match(
      String(await keyOf({ SESSION_STORE: "redis://a:1,b:1" })),
      /^SESSION_KEY is wrong: with several/,
    );
    assert.match(String(await keyOf({ SESSION_KEY: "mine" })), /^SESSION_KEY is wrong: it must be/);
  });

  it("has a field of a hash from a preset and from SESSION_FIELD, in Redis alone", async () => {
    const fieldOf = async (changes: Record<string, string>) => {
      const config = await readConfig({ ...good, SESSION_STORE: "redis://a:1", ...changes });
      assert.ok("keyOf" in config, JSON.stringify(config));
      return config.field;
    };
    assert.equal(await fieldOf({}), undefined);
    assert.equal(await fieldOf({ SESSION_FIELD: "sess data" }), "sess data");
    assert.equal(await fieldOf({ SESSION_PRESET: "magento" }), "data");
    assert.equal(await fieldOf({ SESSION_PRESET: "magento", SESSION_FIELD: "other" }), "other");
    assert.equal(await fieldOf({ SESSION_PRESET: "magento", SESSION_STORE: "files:///tmp" }), undefined);
    for (const SESSION_STORE of [
      good.SESSION_STORE,
      "files:///tmp",
      "dynamodb://sessions",
      "elasticache://a",
    ]) {
      assert.deepEqual(await problemsOf({ SESSION_STORE, SESSION_FIELD: "data" }), [
        "SESSION_FIELD is set, and SESSION_STORE is no Redis: unset it",
      ]);
    }
    const wrong = ["", "ä", "a\n", "x".repeat(251)];
    for (const SESSION_FIELD of wrong) {
      const problems = await problemsOf({ SESSION_STORE: "redis://a:1", SESSION_FIELD });
      assert.match(
        problems.join("\n"),
        /^SESSION_FIELD is wrong: it must be the field of a Redis hash[^\n]*$/,
      );
    }
  });

  it("has keys by SESSION_KEY, whose secret it shows nowhere", async () => {
    const SESSION_KEY = "a_{id}_{hmac-sha3-256:SESSION_KEY_SECRET:{id}}";
    const config = await readConfig({ ...good, SESSION_KEY, SESSION_KEY_SECRET: "geheim" });
    assert.ok("keyOf" in config, JSON.stringify(config));
    const hash = createHmac("sha3-256", "geheim").update("ID").digest("hex");
    assert.equal(config.keyOf("ID"), `a_ID_${hash}`);
    assert.doesNotMatch(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config), /geheim/);
    const plain = await readConfig({ ...good, SESSION_KEY: "a{id}b" });
    assert.equal("keyOf" in plain && plain.keyOf("ID"), "aIDb");
  });

  it("refuses a SESSION_KEY beside a prefix, and a secret that is missing or of no use", async () => {
    const hashed = "{hmac-sha3-256:SESSION_KEY_SECRET:{id}}";
    const cases: readonly [Record<string, string>, RegExp][] = [
      [
        { SESSION_KEY: "a{id}", SESSION_KEY_PREFIX: "a" },
        /^SESSION_KEY is set beside SESSION_KEY_PREFIX: unset one of them$/,
      ],
      [{ SESSION_KEY: "{id" }, /^SESSION_KEY is wrong: it must be printable ASCII.*\{id\} in it/],
      [{ SESSION_KEY: "all" }, /^SESSION_KEY is wrong: /],
      [
        { SESSION_KEY: hashed },
        /^SESSION_KEY_SECRET is missing: it must be the secret of hmac-sha256 or hmac-sha3-256/,
      ],
      [{ SESSION_KEY: hashed, SESSION_KEY_SECRET: "" }, /^SESSION_KEY_SECRET is wrong: /],
      [
        { SESSION_KEY: "{md5:{id}}", SESSION_KEY_SECRET: "geheim" },
        /^SESSION_KEY_SECRET is set, and SESSION_KEY has no /,
      ],
      [{ SESSION_KEY_SECRET: "geheim" }, /^SESSION_KEY_SECRET is set, and SESSION_KEY has no /],
    ];
    for (const [changes, expected] of cases) {
      const problems = await problemsOf(changes);
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", expected);
      assert.doesNotMatch(problems[0] ?? "", /geheim/);
    }
  });

  it("refuses a SESSION_KEY whose sessions cannot be found where PHP placed them", async () => {
    const hashed = "a{md5:{id}}";
    const nodes = "memcached://a:1,b:2";
    const wrong: readonly Record<string, string>[] = [
      { SESSION_STORE: nodes, SESSION_KEY: hashed },
      { SESSION_STORE: nodes, SESSION_KEY: "{id}b" },
      { SESSION_STORE: nodes, SESSION_KEY: "{id}{id}", SESSION_PLACEMENT: "pecl-consistent" },
      { SESSION_STORE: "elasticache://sessions", SESSION_KEY: hashed },
      { SESSION_STORE: "redis://a:1,b:2", SESSION_KEY: hashed },
      { SESSION_STORE: "redis://a:1,b:2", SESSION_KEY: hashed, SESSION_PLACEMENT: "client-ketama" },
      { SESSION_STORE: "files:///tmp", SESSION_KEY: "a/{id}" },
    ];
    for (const changes of wrong) {
      const problems = await problemsOf(changes);
      assert.match(
        problems.join("\n"),
        /^SESSION_KEY is wrong: (?:with several|a file's name)[^\n]*$/,
        JSON.stringify(changes),
      );
    }
    const right: readonly Record<string, string>[] = [
      { SESSION_STORE: nodes, SESSION_KEY: "a/{id}" },
      { SESSION_STORE: nodes, SESSION_KEY: hashed, SESSION_PLACEMENT: "client-modula" },
      { SESSION_STORE: "memcached://a:1", SESSION_KEY: hashed },
      { SESSION_STORE: "redis://a:1", SESSION_KEY: hashed },
      { SESSION_STORE: "redis://a:1,b:2", SESSION_KEY: "a/{id}" },
      { SESSION_STORE: "redis://a:1,b:2?cluster=true", SESSION_KEY: hashed },
      { SESSION_STORE: "dynamodb://sessions", SESSION_KEY: `a/${hashed}` },
      { SESSION_STORE: "files:///tmp", SESSION_KEY: "sess_{sha1:a/{id}}" },
    ];
    for (const changes of right) assert.deepEqual(await problemsOf(changes), [], JSON.stringify(changes));
  });

  it("has what stands around a preset's sessions by the kind of store, unless told otherwise", async () => {
    const layersOf = async (changes: Record<string, string>) => {
      const config = await readConfig({ ...good, SESSION_PRESET: "laravel", ...changes });
      assert.ok("layers" in config, JSON.stringify(config));
      return config.layers;
    };
    assert.deepEqual(await layersOf({}), []);
    assert.deepEqual(await layersOf({ SESSION_STORE: "elasticache://sessions" }), []);
    assert.deepEqual(await layersOf({ SESSION_STORE: "redis://a:1" }), ["serialize"]);
    assert.deepEqual(await layersOf({ SESSION_STORE: "redis://a:1", SESSION_LAYERS: "none" }), []);
    assert.deepEqual(await layersOf({ SESSION_LAYERS: "lzf, igbinary" }), ["lzf", "igbinary"]);
  });

  it("has the preset's shape of session ids, or php.ini's where that is told", async () => {
    const shapeOf = async (changes: Record<string, string>) => {
      const config = await readConfig({ ...good, ...changes });
      assert.ok("sessionId" in config, JSON.stringify(config));
      return config.sessionId;
    };
    const laravel = { SESSION_PRESET: "laravel" };
    assert.deepEqual(await shapeOf({}), phpSessionId);
    assert.deepEqual(await shapeOf(laravel), /^[A-Za-z0-9]{40}$/);
    assert.deepEqual(await shapeOf({ SESSION_SID_LENGTH: "26" }), /^[A-Za-z0-9,-]{26}$/);
    assert.deepEqual(await shapeOf({ SESSION_SID_BITS_PER_CHARACTER: "4" }), /^[0-9a-f]{22,256}$/);
    assert.deepEqual(
      await shapeOf({ ...laravel, SESSION_SID_LENGTH: "256", SESSION_SID_BITS_PER_CHARACTER: "5" }),
      /^[0-9a-v]{256}$/,
    );
  });

  it("has Laravel's keys in their order, each as long as the first", async () => {
    const keyOf = (bytes: number, fill: number) => `base64:${Buffer.alloc(bytes, fill).toString("base64")}`;
    const keysOf = async (LARAVEL_APP_KEY: string, LARAVEL_PREVIOUS_KEYS: string) => {
      const config = await readConfig({ ...good, LARAVEL_APP_KEY, LARAVEL_PREVIOUS_KEYS });
      return "laravelKeys" in config ? config.laravelKeys.map((key) => key.bytes()[0]) : config.problems;
    };
    assert.deepEqual(await keysOf(keyOf(32, 1), `${keyOf(32, 2)},${keyOf(32, 3)}`), [1, 2, 3]);
    assert.deepEqual(await keysOf(keyOf(16, 1), keyOf(16, 2)), [1, 2]);
    for (const previous of [keyOf(16, 2), `${keyOf(32, 2)},${keyOf(16, 3)}`]) {
      assert.match(String(await keysOf(keyOf(32, 1), previous)), /^LARAVEL_PREVIOUS_KEYS is wrong/);
    }
    assert.match(String(await keysOf("base64:", keyOf(16, 2))), /^LARAVEL_APP_KEY is wrong[^,]*$/);
  });

  it("refuses expressions that read what a visitor has typed, however it is written", async () => {
    for (const [expression, says] of [
      ['_sf2_attributes."_security.last_username"', /Symfony sets it before it checks the password/],
      ['"_sf2_attributes"."\\u005fsecurity.last\\u005Fusername"', /_security\.last_username/],
      ["_old_input.email", /typed into a form/],
    ] as const) {
      for (const name of ["USER_EXPRESSION", "AUTHENTICATED_EXPRESSION", "HOSTS_EXPRESSION"]) {
        const problems = await problemsOf({ [name]: expression });
        assert.equal(problems.length, 1, name);
        assert.match(problems[0] ?? "", new RegExp(`^${name} is wrong: it must not read `));
        assert.match(problems[0] ?? "", says);
      }
    }
  });

  it("has an expression for the hosts of a user, and names that differ by case, only when told so", async () => {
    const config = await readConfig({ ...good, HOSTS_EXPRESSION: "hosts", USER_NAME_CASE: "sensitive" });
    assert.ok("expressions" in config);
    assert.equal(config.expressions.hosts, "hosts");
    assert.equal(config.namesDifferByCase, true);
  });

  it("takes the password of a Redis store from a variable of its own, where its URL has none", async () => {
    for (const SESSION_STORE of ["redis://a:1", "rediss://reader@a:1/2"]) {
      const config = await readConfig({ ...good, SESSION_STORE, SESSION_STORE_PASSWORD: "ge heim:/" });
      assert.ok("store" in config && config.store.kind === "redis", JSON.stringify(config));
      assert.equal(config.store.password?.(), "ge heim:/");
      assert.doesNotMatch(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config), /heim/);
    }
    for (const [SESSION_STORE, SESSION_STORE_PASSWORD] of [
      ["redis://:geheim@a:1", "geheim"],
      ["memcached://a:1", "geheim"],
      ["files:///tmp", "geheim"],
      ["redis://a:1", ""],
    ] as const) {
      const problems = await problemsOf({ SESSION_STORE, SESSION_STORE_PASSWORD });
      assert.equal(problems.length, 1, SESSION_STORE);
      assert.match(
        problems[0] ?? "",
        /^SESSION_STORE_PASSWORD is wrong: it must be the password of Redis or of the SQL user, beside a /,
      );
      assert.doesNotMatch(problems[0] ?? "", /geheim/);
    }
    // Of a store that is none it cannot be told whether it takes a password.
    const problems = await problemsOf({ SESSION_STORE: "redis://a", SESSION_STORE_PASSWORD: "geheim" });
    assert.deepEqual([problems.length, problems[0]?.split(" ")[0]], [1, "SESSION_STORE"]);
  });

  it("needs a password for a user of Redis", async () => {
    const problems = await problemsOf({ SESSION_STORE: "redis://reader@a:1" });
    assert.deepEqual(problems, [
      "SESSION_STORE_PASSWORD is missing: SESSION_STORE names a user without a password",
    ]);
    assert.deepEqual(await problemsOf({ SESSION_STORE: "redis://reader:secret@a:1" }), []);
  });

  it("reads a SQL store with its preset's table, key and layers, and its password from a variable alone", async () => {
    const SESSION_STORE = "mysql://reader@db.internal/site";
    const secret = { SESSION_STORE, SESSION_STORE_PASSWORD: "ge heim:/" };
    const configOf = async (changes: Record<string, string>) => {
      const config = await readConfig({ ...good, ...secret, ...changes });
      return "store" in config && config.store.kind === "sql"
        ? { ...config, store: config.store }
        : assert.fail(JSON.stringify(config));
    };
    const laravel = await configOf({ SESSION_PRESET: "laravel" });
    assert.deepEqual([laravel.layers, laravel.serializeHandler], [["base64"], "laravel"]);
    assert.deepEqual([laravel.store.table.data, laravel.store.table.lifetime], ["payload", 7200]);
    assert.equal(laravel.keyOf("abc"), "abc");
    assert.equal(laravel.store.password?.(), "ge heim:/");
    assert.doesNotMatch(inspect(laravel, { depth: 9, showHidden: true }) + JSON.stringify(laravel), /heim/);
    const drupal = await configOf({ SESSION_PRESET: "drupal" });
    assert.equal(drupal.keyOf("abc"), createHash("sha256").update("abc").digest("base64url"));
    assert.equal((await configOf({ SESSION_PRESET: "drupal", SESSION_KEY_PREFIX: "a" })).keyOf("b"), "ab");
    assert.equal((await configOf({ SESSION_PRESET: "codeigniter4" })).keyOf("b"), "ci_session:b");
    assert.ok(drupal.sessionId.test("_".repeat(43)));
    // The column holds a hash: whoever reads the table must not log in with it.
    const typo3 = await readConfig({ ...good, ...secret, SESSION_PRESET: "typo3" });
    assert.match("problems" in typo3 ? typo3.problems.join() : "", /^SESSION_KEY_PREFIX is missing/);
    const row = await configOf({
      SESSION_STORE: `${SESSION_STORE}?columns=user_id`,
      SESSION_PRESET: "laravel",
    });
    assert.deepEqual([row.layers, row.serializeHandler], [[], "php_serialize"]);
    const tokens = await readConfig({
      ...good,
      SESSION_STORE: "postgres://reader@db.internal/site?auth=iam",
      SESSION_PRESET: "symfony",
    });
    assert.ok("store" in tokens, JSON.stringify(tokens));
    for (const [changes, problem] of [
      [{ SESSION_STORE }, /^SESSION_STORE is wrong: it lacks table=, id=, expires=$/],
      [{ SESSION_STORE: "mysql://reader:geheim@db/site" }, /^SESSION_STORE is wrong: it must be mysql:/],
      [{ SESSION_STORE, SESSION_PRESET: "joomla" }, /^SESSION_STORE is wrong: it lacks table=$/],
      [
        { SESSION_STORE: `${SESSION_STORE}?columns=a`, SESSION_PRESET: "laravel", SESSION_LAYERS: "none" },
        /^SESSION_LAYERS is set, and the sessions are rows of a table/,
      ],
      [
        { SESSION_STORE: `${SESSION_STORE}?auth=iam`, SESSION_PRESET: "symfony" },
        /^SESSION_STORE_PASSWORD is set, and SESSION_STORE has auth=iam/,
      ],
    ] as const) {
      const problems = await problemsOf({ SESSION_STORE_PASSWORD: "geheim", ...changes });
      assert.equal(problems.length, 1, problems.join());
      assert.match(problems[0] ?? "", problem);
      assert.doesNotMatch(problems.join(), /geheim/);
    }
    assert.deepEqual(await problemsOf({ SESSION_STORE, SESSION_PRESET: "symfony" }), [
      "SESSION_STORE_PASSWORD is missing: it must be the password of SESSION_STORE's user",
    ]);
  });

  it("has tickets only when told so, and then needs their keys", async () => {
    const TICKET_KEYS = `1:${Buffer.alloc(32, "geheim").toString("base64url")}`;
    for (const TICKETS of ["accepted", "required"]) {
      const config = await readConfig({ ...good, TICKETS, TICKET_KEYS, TICKET_MAX_SECONDS: "60" });
      assert.ok("tickets" in config && config.tickets !== undefined);
      assert.deepEqual([config.tickets.maxSeconds, config.tickets.areRequired], [60, TICKETS === "required"]);
      assert.doesNotMatch(
        inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config),
        /geheim|Z2Vo/,
      );
      assert.match((await problemsOf({ TICKETS }))[0] ?? "", /^TICKET_KEYS is missing: /);
    }
    assert.ok(!("tickets" in (await readConfig(good))));
    assert.match((await problemsOf({ TICKET_KEYS }))[0] ?? "", /^TICKET_KEYS is set, and TICKETS is off: /);
    for (const wrong of ["9", "601", "", "1e2", "60 "]) {
      assert.match(
        (await problemsOf({ TICKET_MAX_SECONDS: wrong }))[0] ?? "",
        /^TICKET_MAX_SECONDS is wrong: .*10 to 600/,
      );
    }
    const [problem = ""] = await problemsOf({ TICKETS: "required", TICKET_KEYS: `${TICKET_KEYS}x` });
    assert.match(problem, /^TICKET_KEYS is wrong: it must be ID:KEY/);
    assert.doesNotMatch(problem, /Z2Vo/);
  });

  it("never shows Laravel's key", async () => {
    const LARAVEL_APP_KEY = `base64:${Buffer.alloc(32, "geheim").toString("base64")}`;
    const config = await readConfig({ ...good, SESSION_PRESET: "laravel", LARAVEL_APP_KEY });
    assert.ok("laravelKeys" in config && config.laravelKeys.length === 1);
    for (const shown of [inspect(config, { depth: 9, showHidden: true }), JSON.stringify(config)]) {
      assert.doesNotMatch(shown, /geheim|Z2VoZWlt/);
    }
    assert.doesNotMatch((await problemsOf({ LARAVEL_APP_KEY: `${LARAVEL_APP_KEY}x` })).join(), /Z2VoZWlt/);
  });

  it("knows its stage whatever else is wrong, and is local without one", async () => {
    assert.equal(readStage({ STAGE: "prod" }), "prod");
    for (const STAGE of [undefined, "", "a b", "x".repeat(65)]) assert.equal(readStage({ STAGE }), "local");
    assert.deepEqual(await problemsOf({ STAGE: "x".repeat(64) }), []);
  });

  it("needs the store, both expressions and the hosts: there is no safe guess", async () => {
    for (const name of ["SESSION_STORE", "AUTHENTICATED_EXPRESSION", "USER_EXPRESSION", "SERVED_HOSTS"]) {
      const problems = await problemsOf({ [name]: undefined });
      assert.equal(problems.length, 1, name);
      assert.match(problems[0] ?? "", new RegExp(`^${name} is missing: it must be .+`));
    }
  });

  it("names the wrong variable and what is allowed", async () => {
    const wrong: [string, string, RegExp][] = [
      [
        "SESSION_STORE",
        "http://example.org",
        /memcached:\/\/HOST:PORT,HOST:PORT:WEIGHT, .*memcacheds:\/\/ and .* for TLS, .*files:\/\/\/DIRECTORY/,
      ],
      [
        "SESSION_STORE",
        "redis://:geheim@cache",
        /redis:\/\/USER:PASSWORD@HOST:PORT\/DATABASE, .*rediss:\/\/ for TLS, /,
      ],
      ["SESSION_STORE", "memcached://a:1:0", /HOST:PORT:WEIGHT/],
      ["SESSION_PLACEMENT", "consistent", /one of ketama, ketama-weighted, modula, pecl-consistent, /],
      ["SESSION_PLACEMENT", "toString", /client-ketama-weighted$/],
      ["SESSION_REPLICAS", "-1", /0 to 9/],
      ["SESSION_REPLICAS", "10", /0 to 9/],
      ["SESSION_REPLICAS", "", /further copies/],
      ["SESSION_KEY_PREFIX", "a b", /printable ASCII/],
      ["SESSION_KEY_PREFIX", "../", /slashes/],
      ["SESSION_KEY_PREFIX", "x".repeat(229), /at most 228/],
      [
        "SESSION_SERIALIZE_HANDLER",
        "wddx",
        /php, php_binary, php_serialize, igbinary, msgpack\), json, or laravel/,
      ],
      ["SESSION_SERIALIZE_HANDLER", "auto", /session.serialize_handler/],
      ["SESSION_SERIALIZE_HANDLER", "PHP", /session.serialize_handler/],
      ["SESSION_SERIALIZE_HANDLER", "toString", /session.serialize_handler/],
      ["SESSION_SERIALIZE_HANDLER", "", /session.serialize_handler/],
      ["STAGE", "", /letters, digits/],
      ["STAGE", "a b", /hyphens/],
      ["STAGE", "x".repeat(65), /at most 64/],
      ["SESSION_PRESET", "discourse", /one of plain, symfony1, .*joomla/],
      ["SESSION_PRESET", "", /one of/],
      ["SESSION_PRESET", "constructor", /one of/],
      ["LARAVEL_APP_KEY", "", /base64:/],
      ["LARAVEL_APP_KEY", "base64:c2VjcmV0", /16 bytes .* or 32 /],
      ["LARAVEL_PREVIOUS_KEYS", "", /APP_PREVIOUS_KEYS/],
      ["LARAVEL_PREVIOUS_KEYS", `base64:${Buffer.alloc(32).toString("base64")}`, /LARAVEL_APP_KEY beside it/],
      ["SESSION_LAYERS", "", /gzip, zlib, .*base64; or none/],
      ["SESSION_LAYERS", "rot13", /gzip/],
      ["SESSION_LAYERS", "none,gzip", /gzip/],
      ["SESSION_LAYERS", "gzip,", /gzip/],
      ["SESSION_LAYERS", "toString", /gzip/],
      ["SESSION_LAYERS", "gzip,gzip,gzip,gzip,gzip", /at most 4/],
      ["SESSION_SID_LENGTH", "21", /22 to 256/],
      ["SESSION_SID_LENGTH", "257", /22 to 256/],
      ["SESSION_SID_LENGTH", "1e2", /session.sid_length/],
      ["SESSION_SID_BITS_PER_CHARACTER", "7", /4, 5 or 6/],
      ["AUTHENTICATED_EXPRESSION", " ", /JMESPath/],
      ["SERVED_HOSTS", "", /separated by commas/],
      ["SERVED_HOSTS", "Example.org", /lower case/],
      ["SERVED_HOSTS", "example.org,,b", /separated by commas/],
      ["SERVED_HOSTS", "a@example.org", /hosts/],
      ["ISUSER_POLICY", "some", /all or none/],
      ["USER_NAME_CASE", "", /insensitive.* or sensitive/],
      ["HOSTS_EXPRESSION", " ", /JMESPath/],
    ];
    for (const [name, value, says] of wrong) {
      const problems = await problemsOf({ [name]: value });
      assert.equal(problems.length, 1, `${name}=${value}`);
      assert.match(problems[0] ?? "", new RegExp(`^${name} is wrong`));
      assert.match(problems[0] ?? "", says);
    }
  });

  it("has a search only where an expression is no plain path", async () => {
    const searchOf = async (changes: Record<string, string>) => {
      const config = await readConfig({ ...good, ...changes });
      assert.ok("expressions" in config, JSON.stringify(config));
      return config.expressions.search;
    };
    assert.equal(await searchOf({ HOSTS_EXPRESSION: "hosts" }), undefined);
    for (const name of ["AUTHENTICATED_EXPRESSION", "USER_EXPRESSION", "HOSTS_EXPRESSION"]) {
      assert.equal(await searchOf({ [name]: "a[0]" }), Search, name);
    }
  });

  it("says what JMESPath finds wrong with an expression", async () => {
    for (const expression of ["user.", "user[", "a b", "'open"]) {
      assert.match(
        (await problemsOf({ USER_EXPRESSION: expression }))[0] ?? "",
        /^USER_EXPRESSION is wrong: ./,
        expression,
      );
    }
  });

  it("takes an expression whose functions an empty session cannot please", async () => {
    assert.deepEqual(await problemsOf({ AUTHENTICATED_EXPRESSION: "length(roles) > `0`" }), []);
  });

  it("names all that is wrong at once, and never repeats the store's address", async () => {
    const problems = await problemsOf({ SESSION_STORE: "redis://:geheim@cache", ISUSER_POLICY: "x" });
    assert.equal(problems.length, 2);
    assert.doesNotMatch(problems.join(), /geheim/);
  });
});
