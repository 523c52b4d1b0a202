// Where popular frameworks keep "who is logged in": SESSION_PRESET's names, each with what its sites need not
// write out themselves.
//
// Each names its user by one key alone, even where a framework leaves several to choose from: what a user may
// choose for themselves (a display name, say) must never stand in for what the site calls them. A site that
// keeps its users' names elsewhere says where by USER_EXPRESSION.
//
// A session is of the user only if the site itself would treat its next request as theirs. So each preset asks for
// every state that says "not yet" or "not really this user" and that its framework keeps in the session: a second
// factor that is pending, an e-mail address that is not verified, an administrator in a user's place, a login by a
// remember-me cookie that the framework does not count as full, a time-out that the framework checks at the next
// request. Its comment names them, and those that only the site's database knows.
//
// Source: the files named at each.

import type { PlacementMode } from "./placement-modes.ts";
import type { PresetName } from "./preset-names.ts";
import type { LayerName } from "./session/layers/layer-names.ts";
import type { WhoExpressions } from "./who.ts";

/** By the kind of store. */
type ByStore<T> = Readonly<Partial<Record<string, T>>>;

export interface Preset {
  /** Where it is not PHP's own; null where only the site knows it. */
  readonly keyPrefix: ByStore<string | null>;
  /** In place of a prefix, as SESSION_KEY has it. */
  readonly key?: ByStore<string>;
  /** The options of SESSION_STORE for its table in a SQL database: stores/sql/sql-url.ts. */
  readonly sql?: Readonly<Record<string, string>>;
  /** The field of a hash that holds the session, where it is not the key's own value. */
  readonly field?: ByStore<string>;
  /** Where it is not that of PHP's memcached save handler. */
  readonly placement?: PlacementMode;
  /** Where it is not PHP's own. */
  readonly sessionId?: RegExp;
  /** What stands around the session's bytes, outermost first: exactly these, where there are any. */
  readonly layers?: ByStore<readonly LayerName[]>;
  readonly serializeHandler: "php" | "php_serialize" | "json" | "laravel";
  readonly expressions: WhoExpressions;
}

/** CodeIgniter's own ids: of 160 bits with php.ini's 4 or 5 bits a character, or of 128 bits from 4.6 on. */
const codeIgniterId = /^(?:[0-9a-v]{32}|[0-9a-f]{40})$/;

const symfonyToken = "php_unserialize(_sf2_attributes._security_main)";
const symfonyUser = '("2"[0] || "1"[0])';
/** Those that stand for a user who logged in, and for nothing else. */
const symfonyTokenClasses = [
  "Symfony\\Component\\Security\\Core\\Authentication\\Token\\UsernamePasswordToken",
  "Symfony\\Component\\Security\\Core\\Authentication\\Token\\PreAuthenticatedToken",
  "Symfony\\Component\\Security\\Http\\Authenticator\\Token\\PostAuthenticationToken",
  "Symfony\\Component\\Security\\Guard\\Token\\PostAuthenticationGuardToken",
];
/** The class that InMemoryUser of Symfony 5 has its properties from. */
const symfonyCoreUser = "Symfony\\Component\\Security\\Core\\User\\User";
const symfonyCoreName = quoted(`${symfonyCoreUser}::username`);
const symfonyCoreEnabled = quoted(`${symfonyCoreUser}::enabled`);
/**
 * In a list, so that a class with a `username` is never asked for another name, even where it is null. A class whose
 * `username` only `Class::name` leads to, where it is not Symfony's own, is not asked for another, either.
 */
const symfonyIdentifier = [
  `("$class" == 'Symfony\\Component\\Security\\Core\\User\\OidcUser' && [userIdentifier]`,
  "contains(keys(@), 'username') && [username]",
  `contains(keys(@), '${symfonyCoreUser}::username') && [${symfonyCoreName}]`,
  "!(keys(@)[?ends_with(@, '::username')]) && [email])",
].join(" || ");
const symfonyIsEnabled = [
  `(contains(keys(@), '${symfonyCoreUser}::enabled') && [${symfonyCoreEnabled}]`,
  "[enabled])[0] != `false`",
].join(" || ");
const wordpressKey = "inspectord_wordpress:{sha256-base64url:{id}}";
const laravelUser = "login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d";
const joomlaData = `php_unserialize(base64_decode(joomla)).${quoted("Joomla\\Registry\\Registry::data")}`;
/** Where an entity of CakePHP has what the database holds, if its class is that of `bake`. */
const cakeFields = "App\\Model\\Entity\\User::_fields";

/** A name as an expression needs it in which it is no word. */
function quoted(name: string): string {
  return JSON.stringify(name);
}

export const presets = {
  /** No framework: $_SESSION["authenticated"] = true; $_SESSION["user"] = "alice". */
  plain: {
    keyPrefix: {},
    serializeHandler: "php",
    expressions: { authenticated: "authenticated", user: "user" },
  },

  /**
   * symfony 1.x: lib/user/sfBasicSecurityUser.class.php, with its time-out of 1800 s. The name is an attribute
   * that the application sets: setAttribute("nickname", ...).
   *
   * Refused: users who are not authenticated, and users who have not asked for a page for 1800 s. The framework has no
   * other state; sfGuard keeps a user who is not active from logging in.
   */
  symfony1: {
    keyPrefix: {},
    sql: { id: "sess_id", data: "sess_data", expires: "sess_time", lifetime: "1800" },
    serializeHandler: "php",
    expressions: {
      authenticated:
        '"symfony/user/sfUser/authenticated" == `true` && not_older_than("symfony/user/sfUser/lastRequest", `1800`)',
      user: '"symfony/user/sfUser/attributes"."symfony/user/sfUser/attributes".nickname',
    },
  },

  /**
   * Symfony 4.4 to 7: Security/Http/Firewall/ContextListener.php, firewall "main". What the token's class
   * serialized is [credentials, firewall, base] for UsernamePasswordToken and PreAuthenticatedToken, [firewall, base]
   * for PostAuthenticationToken and PostAuthenticationGuardToken; `base` is [user, is authenticated, ...] of
   * AbstractToken. The name is the user object's `username`, as in InMemoryUser; its `email` where its class has no
   * `username`, as make:user writes it; the `userIdentifier` of an OidcUser. The class decides, so that one site's
   * names are all of one kind. Key prefix: that of HttpFoundation's RedisSessionHandler; in memcached, PHP's own
   * handler is taken for the rule.
   *
   * Refused, as every token of a class that is not listed: TwoFactorToken (scheb/2fa-bundle), whose second factor is
   * pending; SwitchUserToken, whose user is not the one who logged in; RememberMeToken, which Symfony does not count
   * as IS_AUTHENTICATED_FULLY; AnonymousToken. Refused as well: a user whose `isVerified` (make:registration-form) or
   * `enabled` (InMemoryUser) is false. Known to the site's database alone: a user who was locked since.
   */
  symfony: {
    keyPrefix: { redis: "sf_s" },
    sql: { table: "sessions", id: "sess_id", data: "sess_data", expires: "sess_lifetime" },
    serializeHandler: "php",
    expressions: {
      authenticated: [
        `${symfonyToken} | ("2"[1] || "1"[1]) == \`true\``,
        `(${symfonyTokenClasses.map((name) => `"$class" == '${name}'`).join(" || ")})`,
        `${symfonyUser}.isVerified != \`false\``,
        `(${symfonyUser} | type(@) != 'object' || ${symfonyIsEnabled})`,
      ].join(" && "),
      user: `${symfonyToken} | ${symfonyUser} | type(@) == 'object' && ${symfonyIdentifier}[0]`,
    },
  },

  /**
   * Laravel: Auth/SessionGuard.php, guard "web"; the name is the user's id. Key prefix: that of 11 and 12 with
   * APP_NAME=Laravel, see SESSION_KEY_PREFIX; in Redis the connection's own (REDIS_PREFIX) stands before it. The
   * file driver has none.
   *
   * Laravel's cache has the same prefix. So an id has exactly 40 letters and digits (Session/Store.php,
   * isValidId()), and the bytes are wrapped exactly once where the cache does it (Cache/RedisStore.php and
   * DynamoDbStore.php: a session is a string to them), and nowhere else. A site whose Redis client serializes or
   * compresses sets SESSION_LAYERS.
   *
   * Refused: an administrator in the user's place, by 404labfr/laravel-impersonate (`impersonated_by`) or Nova
   * (`nova_impersonated_by`). Fortify's and Jetstream's second factor is pending without the user's id (`login.id`
   * stands in its place), so nobody is logged in yet. pragmarx/google2fa-laravel keeps nothing while its factor is
   * pending: such a site adds `google2fa.auth_passed` to AUTHENTICATED_EXPRESSION. Known to the site's database
   * alone: an e-mail address that is not verified, a password changed since.
   */
  laravel: {
    keyPrefix: {
      memcached: "laravel_cache_",
      redis: "laravel_database_laravel_cache_",
      dynamodb: "laravel_cache_",
      files: "",
    },
    sql: { table: "sessions", id: "id", data: "payload", expires: "last_activity", lifetime: "7200" },
    placement: "client-modula",
    sessionId: /^[A-Za-z0-9]{40}$/,
    layers: { redis: ["serialize"], dynamodb: ["serialize"], sql: ["base64"] },
    serializeHandler: "laravel",
    expressions: {
      authenticated: `${laravelUser} != \`null\` && impersonated_by == \`null\` && nova_impersonated_by == \`null\``,
      user: laravelUser,
    },
  },

  /**
   * CodeIgniter 3: system/libraries/Session. It has no users of its own: these are the names of its user guide
   * ("Adding Session Data"), `logged_in` and `username`. With Ion Auth set USER_EXPRESSION to `user_id` and
   * AUTHENTICATED_EXPRESSION to `` identity != `null` ``. Key prefix: in files, that of the cookie "ci_session".
   *
   * Refused: values that are flash or temporary data, which the framework drops by itself (`__ci_vars`).
   */
  codeigniter3: {
    keyPrefix: { memcached: "ci_session:", redis: "ci_session:", files: "ci_session" },
    sql: { table: "ci_sessions", id: "id", data: "data", expires: "timestamp", lifetime: "7200" },
    placement: "client-modula",
    sessionId: codeIgniterId,
    serializeHandler: "php",
    expressions: {
      authenticated: "logged_in == `true` && __ci_vars.logged_in == `null` && __ci_vars.username == `null`",
      user: "username",
    },
  },

  /**
   * CodeIgniter 4 with Shield: Shield's Authentication/Authenticators/Session.php. The name is the user's id. Key
   * prefix: with the cookie "ci_session".
   *
   * Refused: an `auth_action` that is still to be done, which is Shield's second factor (Email2FA) and its check of
   * the e-mail address (EmailActivator); flash or temporary data (`__ci_vars`). A login by a remember-me cookie or a
   * magic link is a full one. Known to the site's database alone: a password that must be changed (`force_reset`), a
   * ban.
   */
  codeigniter4: {
    keyPrefix: {
      memcached: "ci_session:ci_session:",
      redis: "ci_session:ci_session:",
      files: "ci_session",
      sql: "ci_session:",
    },
    sql: { table: "ci_sessions", id: "id", data: "data", expires: "timestamp", lifetime: "7200" },
    placement: "client-modula",
    sessionId: codeIgniterId,
    serializeHandler: "php",
    expressions: {
      authenticated: "user.id != `null` && user.auth_action == `null` && __ci_vars.user == `null`",
      user: "user.id",
    },
  },

  /**
   * Laminas: laminas-authentication Storage/Session.php, laminas-session AbstractContainer.php, whose expiry by
   * seconds is checked where the application set one. The name is the identity, which must be a string.
   *
   * Refused: a session or an identity whose expiry is past. The framework has no other state.
   */
  laminas: {
    keyPrefix: {},
    sql: { id: "id", data: "data", expires: "modified", lifetime: "lifetime" },
    serializeHandler: "php",
    expressions: {
      authenticated: [
        "type(Laminas_Auth.storage.storage) == 'string'",
        "(__Laminas.Laminas_Auth.EXPIRE == `null` || in_future(__Laminas.Laminas_Auth.EXPIRE))",
        "(__Laminas.Laminas_Auth.EXPIRE_KEYS.storage == `null` || in_future(__Laminas.Laminas_Auth.EXPIRE_KEYS.storage))",
      ].join(" && "),
      user: "Laminas_Auth.storage.storage",
    },
  },

  /**
   * Joomla 4.2 to 6: libraries/src/Session/Storage/JoomlaStorage.php, User/User.php (which keeps the id alone),
   * joomla/session Session.php with the configuration's default lifetime of 15 minutes, and its MemcachedHandler.php
   * and RedisHandler.php.
   *
   * Refused: a second factor that is pending, or that a group must set up first: Joomla writes `user.id` once the
   * password is right, and holds the visitor until `com_users.mfa_checked` is set and
   * `com_users.mandatory_mfa_setup` is not (Application/MultiFactorAuthenticationHandler.php, which sets the first
   * for users without a second factor, too, at their next page). Versions before 4.2 have no such mark: none of
   * their sessions is taken. Refused as well: guests, whose id is 0, and a session not used for 15 minutes. Known to
   * the site's database alone: a password that must be changed (`requireReset`), a block.
   */
  joomla: {
    keyPrefix: { memcached: "jfw", redis: "jfw" },
    sql: { id: "session_id", data: "data", expires: "time", lifetime: "900" },
    placement: "client-modula",
    serializeHandler: "php",
    expressions: {
      authenticated: [
        `${joomlaData} | to_number(user.id) > \`0\``,
        "com_users.mfa_checked == `1`",
        "(com_users.mandatory_mfa_setup == `null` || com_users.mandatory_mfa_setup == `0`)",
        "not_older_than(session.timer.now, `900`)",
      ].join(" && "),
      user: `${joomlaData}.user.id`,
    },
  },

  /**
   * Yii 2: framework/web/User.php; the name is the identity's id. Only the site knows the key: an md5 of the session
   * component's class and the id, see SESSION_KEY. yii2-redis' Session keeps PHP's own bytes. CacheSession keeps
   * them in an entry of the cache, which memcached always is; with a cache in Redis set SESSION_LAYERS to yii2.
   *
   * Refused: a login whose `__expire` (authTimeout) or `__absoluteExpire` is past; an administrator in a user's
   * place by dektrium/yii2-user or 2amigos/yii2-usuario (`original_user`). Known to the site's database alone:
   * whether `__authKey` is still the user's.
   */
  yii2: {
    keyPrefix: { memcached: null, redis: null },
    sql: { table: "session", id: "id", data: "data", expires: "expire" },
    placement: "client-modula",
    layers: { memcached: ["yii2"] },
    serializeHandler: "php",
    expressions: {
      authenticated: [
        "__id != `null`",
        "(__expire == `null` || in_future(__expire))",
        "(__absoluteExpire == `null` || in_future(__absoluteExpire))",
        "original_user == `null`",
      ].join(" && "),
      user: "__id",
    },
  },

  /**
   * CakePHP 3.3 to 5 with its plugin Authentication: Authenticator/SessionAuthenticator.php. The name is the
   * identity's `username`, in an array or in the fields of an entity of the class App\Model\Entity\User; the id
   * itself where PrimaryKeySessionAuthenticator keeps nothing else. The class decides. Sessions are in a cache
   * (Http/Session/CacheSession.php): Cache/Engine/RedisEngine.php serializes what it is given. The prefix is the
   * cache configuration's, which only the site knows.
   *
   * Refused: an impersonated user (`AuthImpersonate`). The plugin keeps no other state.
   */
  cakephp: {
    keyPrefix: { memcached: null, redis: null },
    sql: { table: "sessions", id: "id", data: "data", expires: "expires" },
    placement: "client-ketama-weighted",
    layers: { redis: ["serialize"] },
    serializeHandler: "php",
    expressions: {
      authenticated: "Auth != `null` && AuthImpersonate == `null`",
      user: `(type(Auth) == 'object' && [(contains(keys(Auth), '${cakeFields}') && [Auth.${quoted(cakeFields)}] || [Auth])[0].username] || [Auth])[0]`,
    },
  },

  /**
   * Magento 2 and Adobe Commerce: Customer/Model/Session.php, whose accounts are shared per website, of the website
   * "base"; the name is the customer's id. In Redis by colinmollenhour/php-redis-session-abstract: a hash, whose
   * field `data` is the session.
   *
   * Refused: guests, who have no id; an administrator in the customer's place (LoginAsCustomer, whose key has been
   * spelt in two ways). An e-mail address that must be confirmed first keeps the customer from logging in. Known to
   * the shop's database alone: a customer who was locked or deleted.
   */
  magento: {
    keyPrefix: { redis: "sess_" },
    sql: {
      table: "session",
      id: "session_id",
      data: "session_data",
      expires: "session_expires",
      lifetime: "3600",
    },
    field: { redis: "data" },
    layers: { redis: ["magento"], sql: ["base64"] },
    serializeHandler: "php",
    expressions: {
      authenticated: [
        "to_number(customer_base.customer_id) > `0`",
        "customer_base.logged_as_customer_admind_id == `null`",
        "customer_base.logged_as_customer_admin_id == `null`",
      ].join(" && "),
      user: "customer_base.customer_id",
    },
  },

  /**
   * Moodle 4.3 on: lib/classes/session/redis.php. Up to 4.4 a session is a string that phpredis serialized, at
   * $CFG->session_redis_prefix and the id; from 4.5 on it is the field `sessdata` of a hash at the prefix,
   * `session_` and the id: set SESSION_KEY_PREFIX, and SESSION_FIELD, which decides. A key of the other kind is
   * store-refused. In memcached it is PHP's own.
   *
   * Refused: a second factor that is pending, since every user who has passed it, or needs none, is marked at the
   * first page that asks for a login (admin/tool/mfa, `SESSION->tool_mfa_authenticated`); versions before 4.3 have
   * no such mark in the core. Refused as well: the guest account; "log in as", which keeps the administrator in
   * `USER->realuser`; a password that must be changed (`auth_forcepasswordchange`); accounts that are not confirmed,
   * suspended or deleted. Not seen: a site policy that is not agreed to yet.
   */
  moodle: {
    keyPrefix: { redis: "" },
    sql: {
      table: "mdl_sessions",
      id: "sid",
      data: "sessdata",
      expires: "timemodified",
      lifetime: "28800",
    },
    layers: { redis: ["serialize"], sql: ["base64"] },
    serializeHandler: "php",
    expressions: {
      authenticated: [
        "to_number(USER.id) > `0`",
        "USER.username != 'guest'",
        "USER.realuser == `null`",
        "SESSION.tool_mfa_authenticated == `true`",
        'contains(`[null, 0, "0"]`, USER.preference.auth_forcepasswordchange)',
        'contains(`[1, "1"]`, USER.confirmed)',
        'contains(`[null, 0, "0"]`, USER.suspended)',
        'contains(`[null, 0, "0"]`, USER.deleted)',
      ].join(" && "),
      user: "USER.username",
    },
  },

  /**
   * MediaWiki: includes/session/SessionBackend.php, SessionManager.php generateSessionId(); the name is the
   * account's. The key begins with the wiki's id and `:MWSession:`. The session is an array that \Memcached
   * serializes (flags 4; with igbinary 5, for which set SESSION_SERIALIZE_HANDLER), MediaWiki's own client (flags
   * 1), or libs/objectcache/RedisBagOStuff.php.
   *
   * Refused: anonymous visitors; a session whose `expires` is past; one of another provider than the login form's,
   * such as a bot password's, which has a part of the account's rights. While a second factor or a new password is
   * still asked for, AuthManager has not set the user. Known to the wiki's database alone: a block, whether
   * `userToken` is still the account's, whether the e-mail address is confirmed.
   */
  mediawiki: {
    keyPrefix: { memcached: null, redis: null },
    placement: "client-ketama-weighted",
    sessionId: /^[0-9a-v]{32}$/,
    serializeHandler: "php_serialize",
    expressions: {
      authenticated: [
        "metadata.userId > `0`",
        "in_future(metadata.expires)",
        "(metadata.provider == 'MediaWiki\\Session\\CookieSessionProvider' || metadata.provider == 'CentralAuthSessionProvider')",
      ].join(" && "),
      user: "metadata.userName",
    },
  },

  /**
   * TYPO3 11 on, users of the frontend: core/Classes/Session/Backend/RedisSessionBackend.php,
   * UserSessionManager.php, with the default [FE][sessionTimeout] of 6000 seconds; the name is the user's id. Only
   * the site knows the key, which holds a hash of the id by its encryptionKey, see SESSION_KEY. Redis drops no
   * session by itself.
   *
   * Refused: anonymous sessions, whose `ses_userid` is 0; a session that was not used for the time-out. The core's
   * second factor and its "switch user" are for users of the backend, whose sessions have another key. Not seen: an
   * address that [FE][lockIP] binds the session to.
   */
  typo3: {
    keyPrefix: { redis: null, sql: null },
    sql: {
      table: "fe_sessions",
      id: "ses_id",
      columns: "ses_userid,ses_tstamp",
      expires: "ses_tstamp",
      lifetime: "6000",
    },
    sessionId: /^[0-9a-f]{32}$/,
    serializeHandler: "json",
    expressions: {
      authenticated: "ses_userid > `0` && not_older_than(ses_tstamp, `6000`)",
      user: "ses_userid",
    },
  },

  /**
   * OpenCart 3 and 4 with its Redis sessions: system/library/session/redis.php, cart/customer.php; the name is the
   * customer's id. Key prefix: with CACHE_PREFIX "oc_".
   *
   * Refused: guests, who have no id. The session does not tell an administrator who logged in as the customer. Nor
   * does it tell a second factor that is pending (4.1, `config_2fa`: a cookie and the database know it): a shop that
   * asks for one cannot be served by this preset.
   */
  opencart: {
    keyPrefix: { redis: "oc_.session." },
    sql: { table: "oc_session", id: "session_id", data: "data", expires: "expire" },
    sessionId: /^[A-Za-z0-9,-]{22,52}$/,
    serializeHandler: "json",
    expressions: { authenticated: "to_number(customer_id) > `0`", user: "customer_id" },
  },

  /**
   * Shopware 6: Symfony's session, whose storefront keeps a context token and no customer: the token's customer
   * stands in the database (Storefront/Framework/Routing/StorefrontSubscriber.php). So the shop adds the customer to
   * the session by a subscriber, as "inspectord.user": docs/frameworks.md has it.
   *
   * Refused: a session that it has not been added to, as those of guests; an administrator in the customer's place
   * (`sw-imitating-user-id`).
   */
  shopware6: {
    keyPrefix: { redis: "sf_s" },
    sql: { table: "sessions", id: "sess_id", data: "sess_data", expires: "sess_lifetime" },
    serializeHandler: "php",
    expressions: {
      authenticated:
        '_sf2_attributes."inspectord.user" != `null` && _sf2_attributes."sw-imitating-user-id" == `null`',
      user: '_sf2_attributes."inspectord.user"',
    },
  },

  /**
   * Drupal 8 to 11: lib/Drupal/Core/Session/SessionHandler.php, which keeps sessions in the table `sessions` of the
   * site's own database, each under a hash of its id (Crypt::hashBase64()); SessionManager.php. The name is the
   * user's id. PHP's garbage collector ends a session 200000 seconds after its last page (gc_maxlifetime in
   * services.yml): no longer is one taken here. Up to Drupal 10 an id can be base64url of Drupal's own random bytes
   * (Crypt::randomBytesBase64()), whose "_" PHP's ids have not.
   *
   * Refused: anonymous visitors, whose sessions have no id of a user; an administrator in the user's place by the
   * module Masquerade. A second factor that is pending (the module TFA) leaves no id of a user. Known to the site's
   * database alone: a user who was blocked.
   */
  drupal: {
    keyPrefix: {},
    key: { sql: "{sha256-base64url:{id}}" },
    sql: { table: "sessions", id: "sid", data: "session", expires: "timestamp", lifetime: "200000" },
    sessionId: /^[\w,-]{22,256}$/,
    serializeHandler: "php",
    expressions: {
      authenticated: [
        "to_number(_sf2_attributes.uid) > `0`",
        "_sf2_meta.masquerading == `null`",
        "_sf2_attributes.masquerading == `null`",
      ].join(" && "),
      user: "_sf2_attributes.uid",
    },
  },

  /**
   * phpBB 3: phpbb/session.php, session_begin(), whose sessions are rows without any bytes of PHP's. A session alone
   * does not tell whether somebody is logged in: a visitor who calls their browser Googlebot has one of the account
   * that the board keeps for it. So the row is that of a view, inspectord_sessions, which has the account's type and
   * name beside it: docs/frameworks.md has it. The name is the `username_clean`, which no two accounts share.
   *
   * Without "remember me" a session lasts for the default session_length of 3600 seconds, and 60 more. With it a board
   * lets somebody in for longer: here only until the same time after the last page.
   *
   * Refused: visitors and crawlers, whose accounts are of the type USER_IGNORE; accounts that are not active yet, or no
   * longer (USER_INACTIVE). Not seen: the address and the browser that a board binds a session to; a ban.
   */
  phpbb: {
    keyPrefix: {},
    sql: {
      table: "inspectord_sessions",
      id: "session_id",
      columns: "user_type,username_clean",
      expires: "session_time",
      lifetime: "3660",
    },
    sessionId: /^[0-9a-f]{32}$/,
    serializeHandler: "php_serialize",
    expressions: { authenticated: "user_type == `0` || user_type == `3`", user: "username_clean" },
  },

  /**
   * WordPress with our plugin (infra/php/wordpress/inspectord.php): a login's session is under the hash of its token,
   * wp-includes/class-wp-session-tokens.php; the name is `user_login`. The plugin writes it when WordPress itself answers
   * a request for a ticket as the user's, and removes it with the token.
   *
   * Refused: a session whose `expires` is past. The plugin writes none for a login whose second factor is pending, an
   * administrator in the user's place (the plugin User Switching), a user without a role, a spammer of a network, an
   * application password; and it removes that of a user whose password, name or roles have changed.
   */
  wordpress: {
    keyPrefix: {},
    key: { memcached: wordpressKey, redis: wordpressKey },
    placement: "client-modula",
    sessionId: /^[A-Za-z0-9]{43}$/,
    serializeHandler: "json",
    expressions: { authenticated: "in_future(expires)", user: "user" },
  },
} as const satisfies Record<PresetName, Preset>;
