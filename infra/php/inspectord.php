<?php

// What a PHP site adds so that its users chat with the session they have. One file, no dependency, PHP 7.4 or later.
//
// A ticket is a JWE (RFC 7516, compact, "dir" and "A256GCM") of the session id. A page hands it to JavaScript in place of
// the id itself. It is good for a minute, and for as long as the session lives.

declare(strict_types=1);

/**
 * Returns a ticket that logs this session's user in to the chat on this host, soon.
 *
 * @param string $host the XMPP host, as the chat's users have it behind the "@"
 * @param string $keys "ID:KEY,ID:KEY", as the function's TICKET_KEYS: the first one seals
 * @param int $seconds how long it is good, 10 to 600
 * @param string|null $id the session id; PHP's own unless given. Laravel: session()->getId()
 * @throws InvalidArgumentException where there is no session, or no key. No message holds a key or an id.
 */
function inspectord_ticket(string $host, string $keys, int $seconds = 60, ?string $id = null): string
{
    $id = $id ?? (string) session_id();
    if (preg_match('/^[\w,-]{22,256}$/D', $id) !== 1) {
        throw new InvalidArgumentException('inspectord_ticket: there is no session id; start the session, or pass its id');
    }
    if ($seconds < 10 || $seconds > 600) {
        throw new InvalidArgumentException('inspectord_ticket: a ticket is good for 10 to 600 seconds');
    }
    [$keyId, $key] = inspectord_first_key($keys);
    $header = inspectord_base64url((string) json_encode(
        ['alg' => 'dir', 'enc' => 'A256GCM', 'typ' => 'inspectord', 'kid' => $keyId]
    ));
    $claims = (string) json_encode([
        'sid' => $id,
        'aud' => $host,
        'exp' => time() + $seconds,
        'jti' => inspectord_base64url(random_bytes(12)),
    ]);
    $iv = random_bytes(12);
    $tag = '';
    $sealed = openssl_encrypt($claims, 'aes-256-gcm', $key, OPENSSL_RAW_DATA, $iv, $tag, $header, 16);
    if ($sealed === false) {
        throw new InvalidArgumentException('inspectord_ticket: openssl has no aes-256-gcm');
    }
    return implode('.', [
        $header, '', inspectord_base64url($iv), inspectord_base64url($sealed), inspectord_base64url($tag),
    ]);
}

/**
 * Returns the JID of a site's user: the name escaped as XEP-0106 says, and the host.
 */
function inspectord_jid(string $name, string $host): string
{
    return inspectord_localpart($name) . "@$host";
}

/**
 * Tells the chat host to look at this user's sessions now, so that a logout ends the chat in two seconds. It is a hint:
 * the chat host believes nothing of it, and asks. Call it after the session was destroyed.
 *
 * It throws nothing, and takes a second at most where the chat host is silent. What is wrong with the URL or the token
 * stands in PHP's error log.
 *
 * @param string $url the chat host's "https://chat.example.org:5443/inspectord/look"
 * @param string $token mod_inspectord's hint_token
 * @param string $name the site's name of the user
 * @return bool whether the chat host took the hint
 */
function inspectord_look(string $url, string $token, string $name): bool
{
    if (preg_match('~^https?://[^\s]+$~D', $url) !== 1 || preg_match('~^[\x21-\x7e]+$~D', $token) !== 1) {
        error_log('inspectord_look: the URL does not begin with https:// or http://, or there is no token');
        return false;
    }
    $localpart = inspectord_localpart($name);
    if ($localpart === '' || preg_match('/[\x00-\x1f\x7f]/', $localpart) === 1) {
        return false;
    }
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => "Authorization: Bearer $token\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close",
        'content' => $localpart,
        'protocol_version' => 1.1,
        // In seconds, for the connection and again for the answer.
        'timeout' => 0.5,
        'ignore_errors' => true,
        // The token is for this host alone.
        'follow_location' => 0,
    ]]);
    $faults = [];
    set_error_handler(static function (int $level, string $message) use (&$faults): bool {
        $faults[] = strtr($message, "\r\n", '  ');
        return true;
    });
    try {
        $response = fopen($url, 'r', false, $context);
    } finally {
        restore_error_handler();
    }
    if ($response === false) {
        // A chat host that is away comes back by itself. These stay until somebody changes a setting.
        foreach (preg_grep('~SSL|certificate|wrapper|getaddrinfo~i', $faults) as $fault) {
            error_log("inspectord_look: no hint reaches the chat host: $fault");
            break;
        }
        return false;
    }
    $status = stream_get_meta_data($response)['wrapper_data'][0] ?? '';
    fclose($response);
    $code = preg_match('~^HTTP/[0-9.]+ ([0-9]{3})~', $status, $found) === 1 ? $found[1] : 'nothing';
    if ($code === '403') {
        error_log("inspectord_look: the chat host refuses the token: it is not mod_inspectord's hint_token");
    } elseif ($code !== '204') {
        error_log("inspectord_look: the URL answers $code: it is not that of inspectord_http in ejabberd.yml");
    }
    return $code === '204';
}

/**
 * php.ini's own save handler, which tells the chat host of each session that is destroyed: session_destroy(), and
 * session_regenerate_id(true), which deletes the session that a chat was opened with.
 *
 *     session_set_save_handler(new InspectordSessionHandler(
 *         'https://chat.example.org:5443/inspectord/look', $token, fn (array $session) => $session['user'] ?? null
 *     ));
 *     session_start();
 */
final class InspectordSessionHandler extends SessionHandler implements SessionUpdateTimestampHandlerInterface
{
    private string $url;
    private string $token;
    private Closure $user;
    /** The session as it was read, by its id: a site empties $_SESSION before it destroys the session. */
    private ?string $id = null;
    private string $data = '';
    /** Whether PHP asked whether it exists, and reads it next. */
    private bool $isRead = false;

    /**
     * @param callable $user returns the site's name of the user who is logged in with these session variables, or null
     */
    public function __construct(string $url, string $token, callable $user)
    {
        $this->url = $url;
        $this->token = $token;
        $this->user = Closure::fromCallable($user);
    }

    /**
     * @param string $id
     * @return string|false
     */
    #[\ReturnTypeWillChange]
    public function read($id)
    {
        if ($this->isRead && $this->id === $id) {
            $this->isRead = false;
            return $this->data;
        }
        $data = parent::read($id);
        [$this->id, $this->data, $this->isRead] = [$id, (string) $data, false];
        return $data;
    }

    /** @param string $id */
    public function destroy($id): bool
    {
        $data = $this->id === $id ? $this->data : '';
        [$this->id, $this->data] = [null, ''];
        // First of all: no fault of a hint keeps a session alive.
        $isDestroyed = parent::destroy($id);
        try {
            $name = $this->userOf($data);
        } catch (Throwable $error) {
            error_log('InspectordSessionHandler: who was logged in is not known, so there is no hint: ' . get_class($error));
            $name = null;
        }
        if ($name !== null && $name !== '') {
            inspectord_look($this->url, $this->token, $name);
        }
        return $isDestroyed;
    }

    /**
     * For session.use_strict_mode, which PHP leaves out where a handler cannot say whether a session exists.
     *
     * @param string $id
     */
    public function validateId($id): bool
    {
        $this->isRead = false;
        $isThere = (string) $this->read($id) !== '';
        // Not twice: a handler that locks would wait for its own lock.
        $this->isRead = true;
        return $isThere;
    }

    /**
     * @param string $id
     * @param string $data
     */
    public function updateTimestamp($id, $data): bool
    {
        return $this->write($id, $data);
    }

    /** @param string $data the session as it was read, or "" where that is not known */
    private function userOf(string $data): ?string
    {
        $current = $_SESSION ?? [];
        $name = ($this->user)($current);
        if ($name === null && $data !== '') {
            try {
                // PHP destroys a session, too, that it cannot decode, and says so itself.
                $name = @session_decode($data) ? ($this->user)($_SESSION) : null;
            } finally {
                $_SESSION = $current;
            }
        }
        return $name === null ? null : (string) $name;
    }
}

/** @internal */
function inspectord_localpart(string $name): string
{
    return (string) preg_replace_callback(
        '/[ "&\'\/:<>@]|\\\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/',
        static fn (array $match): string => sprintf('\\%02x', ord($match[0])),
        $name
    );
}

/**
 * Answers the request of a page for a ticket, and ends nothing: return after it. 200 with {"jid", "password",
 * "spreadSeconds"}, or 401 where nobody is logged in, or 403 for a request of another site. The answer is never cached.
 *
 * Read the session with session_start(['read_and_close' => true]) before: so a chat that reconnects does not keep a
 * session alive that its user has left.
 *
 * @param string|null $name the site's name of the user who is logged in with this session, or null
 * @param int $spreadSeconds over how many seconds clients spread when all of them come back at once
 */
function inspectord_ticket_response(
    ?string $name,
    string $host,
    string $keys,
    int $spreadSeconds = 30,
    int $seconds = 60,
    ?string $id = null
): void {
    header('Cache-Control: no-store');
    header('Content-Type: application/json');
    // Browsers say which site asks; what is no browser has no cookie to abuse.
    if (($_SERVER['HTTP_SEC_FETCH_SITE'] ?? 'same-origin') !== 'same-origin') {
        http_response_code(403);
        echo '{"error":"other-site"}';
        return;
    }
    if ($name === null || $name === '') {
        http_response_code(401);
        echo '{"error":"not-authenticated"}';
        return;
    }
    echo json_encode([
        'jid' => inspectord_jid($name, $host),
        'password' => inspectord_ticket($host, $keys, $seconds, $id),
        'spreadSeconds' => $spreadSeconds,
    ]);
}

/**
 * @return array{string, string} id and bytes of the first key
 * @internal
 */
function inspectord_first_key(string $keys): array
{
    $parts = explode(':', trim(explode(',', $keys)[0]), 2);
    $key = base64_decode(strtr($parts[1] ?? '', '-_', '+/'), true);
    if (preg_match('/^[A-Za-z0-9_-]{1,32}$/D', $parts[0]) !== 1 || $key === false || strlen($key) !== 32) {
        throw new InvalidArgumentException('inspectord_ticket: the keys are not written ID:KEY, KEY 32 bytes in base64url');
    }
    return [$parts[0], $key];
}

/** @internal */
function inspectord_base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}
