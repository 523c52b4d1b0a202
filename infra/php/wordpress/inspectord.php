<?php
/**
 * Plugin Name: InspectorD
 * Description: Lets the users of this site chat over XMPP with the login that they have here.
 * Requires PHP: 7.4
 */

// WordPress has no PHP session: a login is a token in a cookie, and the token's hash in the user's meta. This plugin keeps
// a session for each login that chats, in Redis or memcached, where the function finds it.
//
//   page asks for a ticket -> WordPress' own check of the cookie -> session in the store -> ticket of the token
//   WordPress destroys the token, or what the cookie stands for changes -> session out of the store
//
// Nothing is written at a login: a plugin for a second factor lets WordPress set the cookie first and asks afterwards. Only
// a request that WordPress itself answers as the user's has a session written.
//
// The key of a session holds the hash of the token, as the user's meta does: who reads the store or the database cannot
// log in with it. docs/frameworks.md says how to install it.

declare(strict_types=1);

namespace InspectorD\WordPress;

use Memcached;
use Redis;
use RuntimeException;
use Throwable;
use WP_Session_Tokens;
use WP_User;

require_once __DIR__ . '/inspectord/inspectord.php';

const KEY_PREFIX = 'inspectord_wordpress:';
const TOKENS = 'session_tokens';
const TIMEOUT_SECONDS = 1.0;
/** Sessions in one event of WP-Cron, and rows of one query. */
const BATCH = 500;

// An ordinary plugin can be switched off, and in a network it can be active on one site alone: then a logout would leave the
// session where it is.
if (did_action('muplugins_loaded')) {
    add_action('admin_notices', static function (): void {
        echo '<div class="notice notice-error"><p>InspectorD does nothing here: move it to wp-content/mu-plugins.</p></div>';
    });
    return;
}

add_action('wp_ajax_inspectord_ticket', __NAMESPACE__ . '\answer_ticket');
add_action('wp_ajax_nopriv_inspectord_ticket', __NAMESPACE__ . '\answer_ticket');
add_action('update_user_meta', __NAMESPACE__ . '\before_meta_change', 10, 3);
add_action('delete_user_meta', __NAMESPACE__ . '\before_meta_change', 10, 3);
add_action('updated_user_meta', __NAMESPACE__ . '\after_meta_change', 10, 3);
add_action('deleted_user_meta', __NAMESPACE__ . '\after_meta_change', 10, 3);
add_action('clean_user_cache', __NAMESPACE__ . '\after_user_change', 10, 1);
add_action('clear_auth_cookie', __NAMESPACE__ . '\before_cookie_is_cleared', 10, 0);
add_action('inspectord_end', __NAMESPACE__ . '\end_sessions', 10, 1);

/** Answers the page's request for a ticket: admin-ajax.php?action=inspectord_ticket. */
function answer_ticket(): void
{
    try {
        $login = current_login();
        if ($login !== null && !keep($login)) {
            $login = null;
        }
        \inspectord_ticket_response(
            $login['user'] ?? null,
            setting('INSPECTORD_HOST'),
            setting('INSPECTORD_TICKET_KEYS'),
            30,
            60,
            $login['token'] ?? null
        );
    } catch (Throwable $error) {
        report('no ticket', $error);
        status_header(503);
        echo '{"error":"unavailable"}';
    }
    exit;
}

/**
 * Returns the login of this request's cookie, or null where there is none that may chat.
 *
 * @return array{user: string, id: int, token: string, expires: int, stamp: string}|null
 */
function current_login(): ?array
{
    // By the cookie, and by nothing else that tells WordPress who asks: an application password has no session.
    $id = (int) wp_validate_auth_cookie('', 'logged_in');
    $cookie = wp_parse_auth_cookie('', 'logged_in');
    if ($id === 0 || $id !== get_current_user_id() || !is_array($cookie)) {
        return null;
    }
    $manager = WP_Session_Tokens::get_instance($id);
    if (get_class($manager) !== 'WP_User_Meta_Session_Tokens') {
        throw new RuntimeException('another plugin keeps the session tokens (session_token_manager): their end is not seen');
    }
    $token = $cookie['token'];
    $session = $manager->get($token);
    $user = get_userdata($id);
    if (!is_array($session) || !$user instanceof WP_User || preg_match('/^[A-Za-z0-9]{43}$/D', $token) !== 1) {
        return null;
    }
    $expires = min((int) $cookie['expiration'], (int) $session['expiration']);
    if ($expires <= time() || !may_chat($user, $session)) {
        return null;
    }
    return [
        'user' => $user->user_login,
        'id' => $id,
        'token' => $token,
        'expires' => $expires,
        'stamp' => stamp($user),
    ];
}

/** Returns whether this user's login may have a session of the chat. */
function may_chat(WP_User $user, array $session): bool
{
    $isBanned = is_multisite() && (!empty($user->spam) || !empty($user->deleted));
    // The plugin User Switching marks the session of an administrator in the user's place.
    $may = !$isBanned && user_can($user, 'read') && empty($session['switched_from_id']);
    /**
     * Filters whether a login may chat: for plugins that hold a user back after WordPress has set the cookie.
     *
     * @param bool $may false where WordPress itself says no: that stays
     * @param WP_User $user
     * @param array $session what WordPress keeps with the token
     */
    return $may && apply_filters('inspectord_may_chat', true, $user, $session) === true;
}

/** Returns what changes where the user's cookies lose their worth although no token is destroyed: above all the password. */
function stamp(WP_User $user): string
{
    $parts = [$user->user_login, $user->user_pass, $user->data->spam ?? '', $user->data->deleted ?? ''];
    return hash_hmac('sha256', implode("\n", $parts), wp_salt('logged_in'));
}

/** Writes the session of this login. Returns false where the login ended meanwhile: then there is no session. */
function keep(array $login): bool
{
    $verifier = hash('sha256', $login['token']);
    $session = ['user' => $login['user'], 'expires' => $login['expires'], 'stamp' => $login['stamp']];
    $text = json_encode($session, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    store()->set(key_of($verifier), $text, $login['expires']);
    // A logout at this moment may have looked for the session before it was there. So WordPress is asked once more, and not
    // by what this request remembers.
    wp_cache_delete($login['id'], 'users');
    wp_cache_delete($login['id'], 'user_meta');
    if (current_login() === $login) {
        return true;
    }
    end_sessions([$verifier => $login['expires']]);
    return false;
}

/** Remembers a user's tokens, or with 0 those of all users, until WordPress has changed them. */
function before_meta_change($metaIds, int $userId, string $metaKey): void
{
    if (is_about_logins($metaKey)) {
        remembered($userId, tokens_of($userId));
    }
}

/** Ends the sessions of the tokens that WordPress has destroyed or changed; of all, where the user's roles have changed. */
function after_meta_change($metaIds, int $userId, string $metaKey): void
{
    if (!is_about_logins($metaKey)) {
        return;
    }
    $left = $metaKey === TOKENS ? tokens_of($userId) : [];
    end_sessions(array_diff_assoc(remembered($userId, []), $left));
}

/** Returns whether this is the meta of the tokens, or that of the roles on a site of the network. */
function is_about_logins(string $metaKey): bool
{
    global $wpdb;
    return $metaKey === TOKENS
        || preg_match('/^' . preg_quote($wpdb->base_prefix, '/') . '(?:\d+_)?capabilities$/D', $metaKey) === 1;
}

/** Ends a user's sessions where what the cookies stand for has changed. Anybody can cause the call, by "lost password". */
function after_user_change(int $userId): void
{
    $tokens = tokens_of($userId);
    if ($tokens === [] || !is_configured()) {
        return;
    }
    $user = get_userdata($userId);
    $stamp = $user instanceof WP_User ? stamp($user) : '';
    try {
        $store = store();
        foreach (array_keys($tokens) as $verifier) {
            $session = json_decode((string) $store->get(key_of((string) $verifier)), true);
            if (is_array($session) && hash_equals((string) ($session['stamp'] ?? ''), $stamp)) {
                unset($tokens[$verifier]);
            }
        }
    } catch (Throwable $error) {
        report('the sessions of a changed user are not seen and end', $error);
    }
    end_sessions($tokens);
}

/** Ends this request's session where a plugin or the login page takes the cookie away and leaves the token. */
function before_cookie_is_cleared(): void
{
    $cookie = wp_parse_auth_cookie('', 'logged_in');
    $user = is_array($cookie) ? get_user_by('login', $cookie['username']) : false;
    if ($user instanceof WP_User) {
        // A cookie that only claims to be one must not reach the store: anybody can send one.
        end_sessions(array_intersect_key(tokens_of($user->ID), [hash('sha256', $cookie['token']) => true]));
    }
}

/**
 * Takes these sessions out of the store. Where it does not answer, WP-Cron tries again until they have ended by
 * themselves.
 *
 * @param array<string, int> $ends when each ends, in Unix seconds, by the hash of its token
 */
function end_sessions(array $ends): void
{
    $ends = array_filter($ends, static fn (int $end): bool => $end >= time());
    if ($ends === [] || !is_configured()) {
        return;
    }
    try {
        $store = store();
        foreach (array_keys($ends) as $verifier) {
            $store->delete(key_of((string) $verifier));
        }
    } catch (Throwable $error) {
        report('sessions are not ended yet, and will be', $error);
        foreach (array_chunk($ends, BATCH, true) as $some) {
            wp_schedule_single_event(time() + 60, 'inspectord_end', [$some]);
        }
    }
}

/**
 * Returns when a user's tokens end, by their hashes, as the database has them now: an object cache may be behind. With 0
 * those of all users.
 *
 * @return array<string, int>
 */
function tokens_of(int $userId): array
{
    global $wpdb;
    $found = [];
    $lastId = 0;
    do {
        $rows = $wpdb->get_results($wpdb->prepare(
            "SELECT umeta_id, meta_value FROM $wpdb->usermeta WHERE meta_key = %s AND umeta_id > %d"
                . ($userId === 0 ? '' : ' AND user_id = ' . $userId) . ' ORDER BY umeta_id LIMIT ' . BATCH,
            TOKENS,
            $lastId
        ));
        foreach ($rows as $row) {
            $lastId = (int) $row->umeta_id;
            $sessions = maybe_unserialize($row->meta_value);
            foreach (is_array($sessions) ? $sessions : [] as $verifier => $session) {
                if (preg_match('/^[0-9a-f]{64}$/D', (string) $verifier) === 1) {
                    $found[$verifier] = (int) (is_array($session) ? $session['expiration'] ?? 0 : $session);
                }
            }
        }
    } while (count($rows) === BATCH);
    return $found;
}

/** Returns what was remembered of this user, and remembers these. */
function remembered(int $userId, array $tokens): array
{
    static $byUser = [];
    $before = $byUser[$userId] ?? [];
    $byUser[$userId] = $tokens;
    return $before;
}

/** Returns the store's key: the preset "wordpress" makes the same of the token. */
function key_of(string $verifier): string
{
    return KEY_PREFIX . \inspectord_base64url((string) hex2bin($verifier));
}

function is_configured(): bool
{
    return defined('INSPECTORD_STORE');
}

/** @throws RuntimeException where wp-config.php does not have it */
function setting(string $name): string
{
    if (!defined($name) || !is_string(constant($name)) || constant($name) === '') {
        throw new RuntimeException("wp-config.php has no $name");
    }
    return constant($name);
}

/** Writes to PHP's error log. Neither the URL of the store nor a token stands in the message of an error here. */
function report(string $what, Throwable $error): void
{
    error_log("inspectord: $what: " . $error->getMessage());
}

/** Returns the store that INSPECTORD_STORE names: the same for the whole request. */
function store(): object
{
    static $store = null;
    return $store ??= open_store(setting('INSPECTORD_STORE'));
}

/**
 * @param string $url redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss://... or memcached://HOST:PORT,HOST:PORT
 * @throws RuntimeException where it is written otherwise, or PHP lacks the extension
 */
function open_store(string $url): object
{
    $user = '(?:([^:@\/]*):)?';
    if (preg_match("/^(rediss?):\\/\\/(?:$user([^@\\/]+)@)?([\\w.-]+|\\[[\\w:.]+\\]):(\\d+)(?:\\/(\\d+))?$/D", $url, $found) === 1) {
        [, $scheme, $name, $password, $host, $port] = $found;
        $access = array_map('rawurldecode', array_filter([$name, $password], static fn (string $part): bool => $part !== ''));
        return new RedisStore(($scheme === 'rediss' ? 'tls://' : '') . $host, (int) $port, array_values($access), (int) ($found[6] ?? 0));
    }
    if (preg_match('/^memcached:\/\/([\w.-]+:\d+(?:,[\w.-]+:\d+)*)$/D', $url, $found) === 1) {
        return new MemcachedStore(array_map(static fn (string $node): array => explode(':', $node), explode(',', $found[1])));
    }
    throw new RuntimeException('INSPECTORD_STORE is wrong: write redis://HOST:PORT/DATABASE or memcached://HOST:PORT,HOST:PORT');
}

/** Sessions in Redis, by PHP's extension redis. Its methods throw where the server does not do what they ask for. */
final class RedisStore
{
    private Redis $redis;

    /** @param list<string> $access nothing, a password, or user and password */
    public function __construct(string $host, int $port, array $access, int $database)
    {
        require_extension('redis');
        $this->redis = new Redis();
        $this->do($this->redis->connect($host, $port, TIMEOUT_SECONDS, null, 0, TIMEOUT_SECONDS));
        if ($access !== []) {
            $this->do($this->redis->auth(count($access) === 1 ? $access[0] : $access));
        }
        if ($database !== 0) {
            $this->do($this->redis->select($database));
        }
    }

    public function get(string $key): ?string
    {
        $value = $this->redis->get($key);
        return is_string($value) ? $value : null;
    }

    public function set(string $key, string $value, int $expires): void
    {
        $this->do($this->redis->setex($key, max(1, $expires - time()), $value));
    }

    public function delete(string $key): void
    {
        $this->do($this->redis->del($key));
    }

    /** @param mixed $result */
    private function do($result): void
    {
        if ($result === false) {
            throw new RuntimeException('Redis refuses: ' . ($this->redis->getLastError() ?? 'no reason given'));
        }
    }
}

/** Sessions in memcached, by PHP's extension memcached with its own way of placing keys. Its methods throw alike. */
final class MemcachedStore
{
    private Memcached $memcached;

    /** @param list<array{string, string}> $nodes */
    public function __construct(array $nodes)
    {
        require_extension('memcached');
        $this->memcached = new Memcached();
        $this->memcached->setOptions([
            Memcached::OPT_COMPRESSION => false,
            Memcached::OPT_CONNECT_TIMEOUT => (int) (TIMEOUT_SECONDS * 1000),
            Memcached::OPT_SEND_TIMEOUT => (int) (TIMEOUT_SECONDS * 1_000_000),
            Memcached::OPT_RECV_TIMEOUT => (int) (TIMEOUT_SECONDS * 1_000_000),
            Memcached::OPT_POLL_TIMEOUT => (int) (TIMEOUT_SECONDS * 1000),
        ]);
        foreach ($nodes as [$host, $port]) {
            $this->memcached->addServer($host, (int) $port);
        }
    }

    public function get(string $key): ?string
    {
        $value = $this->memcached->get($key);
        $this->do($value !== false);
        return is_string($value) ? $value : null;
    }

    public function set(string $key, string $value, int $expires): void
    {
        // Beyond 30 days memcached takes a number for a point in time, and so it takes this one.
        $this->do($this->memcached->set($key, $value, $expires));
    }

    public function delete(string $key): void
    {
        $this->do($this->memcached->delete($key));
    }

    private function do(bool $isDone): void
    {
        if (!$isDone && $this->memcached->getResultCode() !== Memcached::RES_NOTFOUND) {
            throw new RuntimeException('memcached refuses: ' . $this->memcached->getResultMessage());
        }
    }
}

function require_extension(string $name): void
{
    if (!extension_loaded($name)) {
        throw new RuntimeException("PHP lacks its extension $name");
    }
}
