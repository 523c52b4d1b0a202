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
const symfonyUser = '("2"[0] || "1"[0])';
/** Those that stand for a user who logged in, and for nothing else. */
const symfonyTokenClasses = [
  "Symfony\\Component\\Security\\Core\\Authentication\\Token\\UsernamePasswordToken",
  "Symfony\\Component\\Security\\Core\\Authentication\\Token\\PreAuthenticatedToken",
  "Symfony\\Component\\Security\\Http\\Authenticator\\Token\\PostAuthenticationToken",
  "Symfony\\Component\\Security\\Guard\\Token\\PostAuthenticationGuardToken",
];
/** In a list, so that a class with a `username` is never asked for another name, even where it is null. */
const symfonyIdentifier = [
  `("$class" == 'Symfony\\Component\\Security\\Core\\User\\OidcUser' && [userIdentifier]`,
  "contains(keys(@), 'username') && [username]",
  "[email])",
].join(" || ");
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
   *
   * Refused: who is not authenticated, and who has not asked for a page for 1800 s. The framework has no other state;
   * sfGuard keeps a user who is not active from logging in.
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
    serializeHandler: "php",
    expressions: {
      authenticated: [
        `${symfonyToken} | ("2"[1] || "1"[1]) == \`true\``,
        `(${symfonyTokenClasses.map((name) => `"$class" == '${name}'`).join(" || ")})`,
        `${symfonyUser}.isVerified != \`false\``,
        `${symfonyUser}.enabled != \`false\``,
      ].join(" && "),
      user: `${symfonyToken} | ${symfonyUser} | type(@) == 'object' && ${symfonyIdentifier}[0]`,
    },
  },

  /**
   * Laravel: Auth/SessionGuard.php, guard "web"; the name is the user's id. Key prefix: that of 11 and 12 with
   * APP_NAME=Laravel, see SESSION_KEY_PREFIX; in Redis the connection's own (REDIS_PREFIX) stands before it. The file
   * driver has none.
   *
   * Refused: an administrator in the user's place, by 404labfr/laravel-impersonate (`impersonated_by`) or Nova
   * (`nova_impersonated_by`). Fortify's and Jetstream's second factor is pending without the user's id (`login.id`
   * stands in its place), so nobody is logged in yet. pragmarx/google2fa-laravel keeps nothing while its factor is
   * pending: such a site adds `google2fa.auth_passed` to AUTHENTICATED_EXPRESSION. Known to the site's database alone:
   * an e-mail address that is not verified, a password changed since.
   */
  laravel: {
    keyPrefix: { memcached: "laravel_cache_", redis: "laravel_database_laravel_cache_", files: "" },
    placement: "client-modula",
    serializeHandler: "laravel",
    expressions: {
      authenticated: `${laravelUser} != \`null\` && impersonated_by == \`null\` && nova_impersonated_by == \`null\``,
      user: laravelUser,
    },
  },

  /**
   * CodeIgniter 4 with Shield: Shield's Authentication/Authenticators/Session.php. The name is the user's id. Key
   * prefix: with the cookie "ci_session".
   *
   * Refused: an `auth_action` that is still to be done, which is Shield's second factor (Email2FA) and its check of the
   * e-mail address (EmailActivator). A login by a remember-me cookie or a magic link is a full one. Known to the
   * site's database alone: a password that must be changed (`force_reset`), a ban.
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
   *
   * Refused: a session or an identity whose expiry is past. The framework has no other state.
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
   * Joomla 4.2 to 6: libraries/src/Session/Storage/JoomlaStorage.php, User/User.php (which keeps the id alone),
   * joomla/session Session.php with the configuration's default lifetime of 15 minutes, and its
   * MemcachedHandler.php and RedisHandler.php.
   *
   * Refused: a second factor that is pending, or that a group must set up first: Joomla writes `user.id` once the
   * password is right, and holds the visitor until `com_users.mfa_checked` is set and `com_users.mandatory_mfa_setup`
   * is not (Application/MultiFactorAuthenticationHandler.php, which sets the first for users without a second factor,
   * too, at their next page). Versions before 4.2 have no such mark: none of their sessions is taken. Refused as well:
   * guests, whose id is 0, and a session not used for 15 minutes. Known to the site's database alone: a password that
   * must be changed (`requireReset`), a block.
   */
  joomla: {
    keyPrefix: { memcached: "jfw", redis: "jfw" },
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
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;
