<?php
// Sessions of a web shop for bench/decode.ts, and PHP's own time for reading them. They hold nothing that one of
// the npm packages cannot read: no object but stdClass, no quote within a string, no reference.
//
//   php sessions.php write                    one JSON object a session, the same in every run:
//                                             {"size": ..., "json": the data, "bytes": {handler: base64}}
//   php sessions.php decode < lines           "handler base64 count" -> nanoseconds for count session_decode()s

error_reporting(E_ALL & ~E_DEPRECATED & ~E_WARNING);
ini_set('display_errors', 'stderr');
ini_set('session.use_cookies', '0');
ini_set('serialize_precision', '-1');

const HANDLERS = ['php', 'php_binary', 'php_serialize', 'igbinary', 'msgpack'];
const SIZES = [300, 1000, 10_000, 100_000];

class NoStore implements SessionHandlerInterface
{
    public function open(string $path, string $name): bool { return true; }
    public function close(): bool { return true; }
    public function read(string $id): string { return ''; }
    public function write(string $id, string $data): bool { return true; }
    public function destroy(string $id): bool { return true; }
    public function gc(int $age): int { return 0; }
}

function product(int $number): array
{
    $names = ['Fietsbel', 'Regenjas (blauw)', 'Café-stoel Zoë', 'Lamp; 40 W', 'Boek: PHP & sessies'];
    return [
        'sku' => 'NL-' . (100_000 + $number * 37 % 99_991),
        'name' => $names[$number % 5],
        'quantity' => 1 + $number % 4,
        'price' => (995 + $number * 250 % 9000) / 100,
        'gift' => $number % 3 === 0,
        'note' => null,
        'options' => ['size' => 'M', 'colour' => $number % 2 ? 'red' : 'blue'],
    ];
}

// The user stands in the middle, as on a site that has written other variables before and after the login.
function session(int $size): array
{
    $session = [
        'csrf' => hash('sha256', 'csrf'),
        'locale' => 'nl_NL',
        'user' => ['id' => 4711, 'name' => 'alice', 'roles' => ['member', 'editor'], 'since' => 1_790_000_000],
        'authenticated' => true,
    ];
    if ($size < 500) {
        return $session + ['flash' => []];
    }
    $session['address'] = (object) ['street' => 'Nieuwe Gracht 7', 'zip' => '3512 LB', 'country' => 'NL', 'verified' => true];
    $session['settings'] = (object) ['theme' => 'dark', 'columns' => 3, 'beta' => false];
    $session['cart'] = [];
    $session['visited'] = [];
    for ($number = 0; strlen(encoded($session, 'php')) < $size * 0.9; $number++) {
        $session['cart'][] = product($number);
        $session['visited'][1_790_000_000 + $number * 61] = '/shop/item/' . $number . '?from=search';
    }
    return $session;
}

function open(string $handler): void
{
    if (session_status() === PHP_SESSION_ACTIVE) {
        session_abort();
    }
    ini_set('session.serialize_handler', $handler);
    session_start();
}

function encoded(array $session, string $handler): string
{
    open($handler);
    $_SESSION = $session;
    return session_encode();
}

function write(int $size): string
{
    $session = session($size);
    $bytes = [];
    foreach (HANDLERS as $handler) {
        $bytes[$handler] = base64_encode(encoded($session, $handler));
    }
    return json_encode(['size' => $size, 'json' => json_encode($session), 'bytes' => $bytes]);
}

function measure(string $handler, string $bytes, int $count): string
{
    open($handler);
    $start = hrtime(true);
    for ($done = 0; $done < $count; $done++) {
        session_decode($bytes);
    }
    $took = hrtime(true) - $start;
    return ($_SESSION['user']['name'] ?? '') === 'alice' ? (string) $took : 'wrong';
}

// A session cannot be started after output: all of it leaves by a stream of its own.
$out = fopen('php://stdout', 'w');
session_set_save_handler(new NoStore(), false);
if ($argv[1] === 'write') {
    foreach (SIZES as $size) {
        fwrite($out, write($size) . "\n");
    }
} else {
    while (($line = fgets(STDIN)) !== false) {
        [$handler, $bytes, $count] = explode(' ', trim($line));
        fwrite($out, measure($handler, base64_decode($bytes), (int) $count) . "\n");
    }
}
session_abort();
