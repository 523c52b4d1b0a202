// Where popular frameworks keep "who is logged in": SESSION_PRESET's names, each with what its sites need not
// write out themselves.
//
// Each names its user by one key alone, even where a framework leaves several to choose from: what a user may
// choose for themselves (a display name, say) must never stand in for what the site calls them. A site that
// keeps its users' names elsewhere says where by USER_EXPRESSION.
//
// A framework's own time-out is part of the expression wherever the framework checks it at the next request:
// until then the store holds a session that the site itself would refuse.
//
// Source: the files named at each.

import type { PlacementMode } from "./placement-modes.ts";
import type { WhoExpressions } from "./who.ts";

export interface Preset {
  /** By the kind of store, where it is not PHP's own. */
  readonly keyPrefix: Readonly<Partial<Record<string, string>>>;
  /** Where it is not that of PHP's memcached save handler. */
  readonly placement?: PlacementMode;
  readonly serializeHandler: "php" | "laravel";
  readonly expressions: WhoExpressions;
}

const symfonyToken = "php_unserialize(_sf2_attributes._security_main)";
const laravelUser = "login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d";
const joomlaData = "php_unserialize(base64_decode(joomla)).data";

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
   */
  symfony1: {
    keyPrefix: {},
    serializeHandler: "php",
    expressions: {
      authenticated:
        '"symfony/user/sfUser/authenticated" == `true` && not_older_than("symfony/user/sfUser/lastRequest", `1800`)',
      user: '"symfony/user/sfUser/attributes"."symfony/user/sfUser/attributes".nickname',
    },
  },

  /**
   * Symfony 4.4 to 7: Security/Http/Firewall/ContextListener.php, firewall "main". What the token's class
   * serialized is [credentials, firewall, base] for UsernamePasswordToken, RememberMeToken and
   * PreAuthenticatedToken, [firewall, base] for PostAuthenticationToken; `base` is
   * [user, is authenticated, ...] of AbstractToken. SwitchUserToken has its base one level deeper and is
   * refused: its user is not the one who logged in. The name is the user object's `username`. Key prefix: that of
   * HttpFoundation's RedisSessionHandler; in memcached, PHP's own handler is taken for the rule.
   */
  symfony: {
    keyPrefix: { redis: "sf_s" },
    serializeHandler: "php",
    expressions: {
      authenticated: `${symfonyToken} | ("2"[1] || "1"[1]) == \`true\``,
      user: `${symfonyToken} | ("2"[0] || "1"[0]).username`,
    },
  },

  /**
   * Laravel: Auth/SessionGuard.php, guard "web"; the name is the user's id. Key prefix: that of 11 and 12 with
   * APP_NAME=Laravel, see SESSION_KEY_PREFIX; in Redis the connection's own (REDIS_PREFIX) stands before it. The file
   * driver has none.
   */
  laravel: {
    keyPrefix: { memcached: "laravel_cache_", redis: "laravel_database_laravel_cache_", files: "" },
    placement: "client-modula",
    serializeHandler: "laravel",
    expressions: { authenticated: `${laravelUser} != \`null\``, user: laravelUser },
  },

  /**
   * CodeIgniter 4 with Shield: Shield's Authentication/Authenticators/Session.php; an `auth_action` is still to
   * be done before the user counts as logged in. The name is the user's id. Key prefix: with the cookie
   * "ci_session".
   */
  codeigniter4: {
    keyPrefix: {
      memcached: "ci_session:ci_session:",
      redis: "ci_session:ci_session:",
      files: "ci_session",
    },
    placement: "client-modula",
    serializeHandler: "php",
    expressions: {
      authenticated: "user.id != `null` && user.auth_action == `null`",
      user: "user.id",
    },
  },

  /**
   * Laminas: laminas-authentication Storage/Session.php, laminas-session AbstractContainer.php, whose expiry by
   * seconds is checked where the application set one. The name is the identity, which must be a string.
   */
  laminas: {
    keyPrefix: {},
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
   * Joomla 4 and 5: libraries/src/Session/Storage/JoomlaStorage.php, User/User.php (which keeps the id alone),
   * joomla/session Session.php with the configuration's default lifetime of 15 minutes, and its
   * MemcachedHandler.php and RedisHandler.php.
   */
  joomla: {
    keyPrefix: { memcached: "jfw", redis: "jfw" },
    placement: "client-modula",
    serializeHandler: "php",
    expressions: {
      authenticated: `${joomlaData} | to_number(user.id) > \`0\` && not_older_than(session.timer.now, \`900\`)`,
      user: `${joomlaData}.user.id`,
    },
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;

/** Gives whether there is a preset of this name. */
export function isPresetName(name: string): name is PresetName {
  return Object.hasOwn(presets, name);
}
