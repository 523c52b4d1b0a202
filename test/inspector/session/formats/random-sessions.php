<?php
// Real PHP as the judge of our decoders. Every line it prints is one JSON object.
//
//   php random-sessions.php write <handler> <seed> <count>   {"bytes": base64, "means": document}   random sessions
//   php random-sessions.php read <handler> < base64 lines    {"means": document} or {"refused": true}, one a line
//
// {"endless": true} in the place of "means" is an array inside itself without a reference.
// The handler is a session.serialize_handler.
// A document is what inspector/session/document.ts says, written here a second time from PHP's own values, with
// {"$cycle":true} in the place of a value that is inside itself.

error_reporting(E_ALL & ~E_DEPRECATED & ~E_WARNING & ~E_NOTICE);
ini_set('display_errors', 'stderr');
ini_set('session.use_cookies', '0');
ini_set('session.serialize_handler', $argv[2]);
ini_set('serialize_precision', '-1');

class Person
{
    public $name = 'a';
    protected $role = 'b';
    private $secret = 'c';

    public function fill(callable $value): void
    {
        $this->name = $value();
        $this->role = $value();
        $this->secret = $value();
    }
}

#[AllowDynamicProperties]
class Customer extends Person
{
    private $secret = 'd';
    protected $cart = [];
    public $friend = null;

    public function fill(callable $value): void
    {
        parent::fill($value);
        $this->secret = $value();
        $this->cart = $value();
    }
}

// Its __sleep() names a property twice, by its two names.
class Sleeper
{
    public $friend = null;
    private $secret = 'e';

    public function fill(callable $value): void
    {
        $this->friend = $value();
        $this->secret = $value();
    }

    public function __sleep(): array
    {
        return ['friend', 'secret', 'friend', "\0Sleeper\0secret"];
    }
}

class Packed
{
    public $data = [];

    public function __serialize(): array
    {
        return $this->data;
    }

    public function __unserialize(array $data): void
    {
        $this->data = $data;
    }
}

class Leg implements Serializable
{
    public $payload = '';

    public function serialize()
    {
        return $this->payload;
    }

    public function unserialize($payload)
    {
        $this->payload = $payload;
    }
}

enum Role: string
{
    case Admin = 'admin';
    case Guest = 'guest';
}

enum Suit
{
    case Hearts;
    case Spades;
}

// A session that is kept nowhere.
class NoStore implements SessionHandlerInterface
{
    public function open(string $path, string $name): bool
    {
        return true;
    }

    public function close(): bool
    {
        return true;
    }

    public function read(string $id): string|false
    {
        return '';
    }

    public function write(string $id, string $data): bool
    {
        return true;
    }

    public function destroy(string $id): bool
    {
        return true;
    }

    public function gc(int $max_lifetime): int|false
    {
        return 0;
    }
}

// What a value means.

function isText(string $bytes): bool
{
    return preg_match('//u', $bytes) === 1;
}

function json($value): string
{
    return json_encode($value, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
}

function textJson(string $bytes): string
{
    return isText($bytes) ? json($bytes) : '{"$base64":' . json(base64_encode($bytes)) . '}';
}

function keyJson(string $bytes): string
{
    if (!isText($bytes)) {
        return json('$base64:' . base64_encode($bytes));
    }
    $isLikeAMark = preg_match('/^\$+((class|enum|base64|float|int|serialized|cycle)$|base64:)/D', $bytes) === 1;
    return json($isLikeAMark ? '$' . $bytes : $bytes);
}

function entriesJson(array $array, array $path): array
{
    $members = [];
    foreach (array_keys($array) as $key) {
        $members[] = keyJson((string) $key) . ':' . elementJson($array, $key, $path);
    }
    return $members;
}

function arrayJson(array $array, array $path): string
{
    if (!array_is_list($array)) {
        return '{' . implode(',', entriesJson($array, $path)) . '}';
    }
    $items = [];
    foreach (array_keys($array) as $key) {
        $items[] = elementJson($array, $key, $path);
    }
    return '[' . implode(',', $items) . ']';
}

// [visibility or class, name] of a property as PHP stores it.
function storedName(string $stored): array
{
    if (preg_match('/^\0(\*|[0-9A-Z_a-z\x7f-\xff][0-9A-Z_a-z\x7f-\xff\\\\]*)\0(.+)$/sD', $stored, $found)) {
        return [$found[1], $found[2]];
    }
    return ['', $stored];
}

function objectJson(object $object, array $path): string
{
    if ($object instanceof UnitEnum) {
        return '{"$enum":' . textJson(get_class($object) . '::' . $object->name) . '}';
    }
    $class = get_class($object);
    if ($object instanceof Leg) {
        $payload = $object->payload;
        // The msgpack extension hands over the NUL behind the string, too.
        if ($GLOBALS['argv'][2] === 'msgpack' && str_ends_with($payload, "\0")) {
            $payload = substr($payload, 0, -1);
        }
        return '{"$class":' . textJson($class) . ',"$serialized":' . textJson($payload) . '}';
    }
    $properties = match (true) {
        $object instanceof Packed => $object->data,
        $object instanceof ArrayObject => $object->__serialize(),
        default => (array) $object,
    };
    if ($object instanceof __PHP_Incomplete_Class) {
        $class = $properties['__PHP_Incomplete_Class_Name'];
        unset($properties['__PHP_Incomplete_Class_Name']);
    }
    $members = ['"$class":' . textJson($class)];
    foreach (propertyNames($object, $class, array_keys($properties)) as $stored => $name) {
        $members[] = keyJson($name) . ':' . elementJson($properties, $stored, $path);
    }
    return '{' . implode(',', $members) . '}';
}

// By which name an expression finds what is stored so: see property-names.ts.
function propertyNames(object $object, string $class, array $keys): array
{
    $isStd = fn (string $name): bool => strtolower($name) === 'stdclass';
    // Of a class that PHP lacks, which keys were ints is not told any more: the tests take none of these.
    $isSerialized = $object instanceof Packed || $object instanceof ArrayObject || $object instanceof __PHP_Incomplete_Class;
    // The msgpack extension writes such an object in a form of its own.
    $isForm = $GLOBALS['argv'][2] === 'msgpack' && !$object instanceof __PHP_Incomplete_Class;
    $isTold = $isForm || array_filter($keys, 'is_int') !== [];
    $areData = $isStd($class) || $isSerialized && $isTold;
    $all = [];
    foreach ($keys as $stored) {
        [$owner, $name] = storedName((string) $stored);
        $isIdentifier = preg_match('/^[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*$/D', $name) === 1;
        $isMadeUp = $owner !== '' && ($areData || $isStd($owner) || !$isIdentifier);
        $all[] = [$stored, $owner, $name, $isMadeUp, ($owner === '*' ? $class : $owner) . '::' . $name];
    }
    $real = array_filter($all, fn (array $one): bool => !$one[3]);
    $uses = array_count_values(array_column($real, 2));
    $hidden = array_filter($real, fn (array $one): bool => $one[1] !== '');
    $classUses = array_count_values(array_column($hidden, 4));
    $hasPublic = array_filter($all, fn (array $one): bool => $one[1] === '') !== [];
    $names = [];
    foreach ($all as [$stored, $owner, $name, $isMadeUp, $byClass]) {
        $names[$stored] = match (true) {
            $isMadeUp => $stored,
            $owner === '' => ($uses[$name] > 1 && $hidden !== [] || str_contains($name, '::') ? '::' : '') . $name,
            $classUses[$byClass] > 1 => $stored,
            $owner === $class && $uses[$name] === 1 && !$hasPublic => $name,
            default => $byClass,
        };
    }
    return $names;
}

function elementJson(array $array, $key, array $path): string
{
    $value = $array[$key];
    if (is_array($value)) {
        $reference = ReflectionReference::fromArrayElement($array, $key);
        $identity = $reference === null ? null : 'array ' . bin2hex($reference->getId());
    } elseif (is_object($value)) {
        $identity = 'object ' . spl_object_id($value);
    } elseif (is_float($value) && !is_finite($value)) {
        return '{"$float":' . json(is_nan($value) ? 'NAN' : ($value > 0 ? 'INF' : '-INF')) . '}';
    } elseif (is_int($value) && ($value > 2 ** 53 - 1 || $value < -(2 ** 53 - 1))) {
        return '{"$int":"' . $value . '"}';
    } elseif (is_string($value)) {
        return textJson($value);
    } else {
        return json($value);
    }
    if (count($path) > 60) {
        throw new Endless();
    }
    if ($identity === null) {
        $path[] = true;
    } else {
        if (isset($path[$identity])) {
            return '{"$cycle":true}';
        }
        $path[$identity] = true;
    }
    return is_array($value) ? arrayJson($value, $path) : objectJson($value, $path);
}

// An array that is inside itself without a reference: PHP cannot tell, and neither can this script, but by its
// depth.
class Endless extends Exception
{
}

function sessionJson(array $session): string
{
    // By place: decoding leaves a variable called 5 under the string "5", where no lookup by key finds it.
    $values = array_values($session);
    $members = [];
    foreach (array_keys($session) as $place => $name) {
        $members[] = keyJson((string) $name) . ':' . elementJson($values, $place, []);
    }
    return '{' . implode(',', $members) . '}';
}

// Random values.

function pick(array $choices)
{
    return $choices[mt_rand(0, count($choices) - 1)];
}

function randomBytes(int $length): string
{
    $bytes = '';
    for ($i = 0; $i < $length; $i++) {
        $bytes .= chr(mt_rand(0, 255));
    }
    return $bytes;
}

function randomText(): string
{
    $text = pick(['', 'alice', 'a"b', '";s:5:"admin', 'x|y', '}', "nul\0nul", 'Zoë', '日本', "\u{1F600}", "\u{FEFF}bom",
        '__proto__', 'constructor', 'length', '$class', '$$class', '$base64:AA==', 'A::b', '::b', '5', '-5', '05', '-0', '']);
    return mt_rand(0, 9) === 0 ? str_repeat($text, 40) : $text;
}

function randomString(): string
{
    return mt_rand(0, 3) === 0 ? randomBytes(mt_rand(1, 12)) : randomText();
}

function randomKey()
{
    return mt_rand(0, 1) ? randomString() : pick([0, 1, 2, 3, 7, -1, -8, PHP_INT_MAX, PHP_INT_MIN, 2 ** 53, 2 ** 53 - 1]);
}

function randomInt(): int
{
    return pick([0, 1, -1, mt_rand(), -mt_rand(), 2 ** 53, 2 ** 53 - 1, 2 ** 53 + 1, -(2 ** 53), -(2 ** 53) + 1, -(2 ** 53) - 1,
        PHP_INT_MAX, PHP_INT_MIN, 999999999999999, 9999999999999999]);
}

function randomFloat(): float
{
    return pick([0.0, -0.0, 1.0, 0.1, -1.5, 1e15, 1e100, -1e-100, 5e-324, PHP_FLOAT_MAX, PHP_FLOAT_MIN, 2.0 ** 53, 2.0 ** 63,
        NAN, INF, -INF, mt_rand() / 7, mt_rand() * 1e17]);
}

function randomArray(int $depth): array
{
    $array = [];
    $isList = mt_rand(0, 1) === 1;
    for ($left = mt_rand(0, 5); $left > 0; $left--) {
        $key = $isList ? count($array) : randomKey();
        if (mt_rand(0, 5) === 0 && $GLOBALS['shared'] !== []) {
            $array[$key] = &$GLOBALS['shared'][mt_rand(0, count($GLOBALS['shared']) - 1)];
        } else {
            $array[$key] = randomValue($depth);
        }
    }
    if (mt_rand(0, 15) === 0) {
        $array['self'] = &$array;
    }
    return $array;
}

function randomObject(int $depth): object
{
    $value = fn() => randomValue($depth);
    switch (mt_rand(0, 6)) {
        case 0:
            $object = new stdClass();
            break;
        case 5:
            $object = new Sleeper();
            $object->fill($value);
            return $object;
        case 1:
            $object = new Person();
            $object->fill($value);
            return $object;
        case 2:
        case 3:
            $object = new Customer();
            $object->fill($value);
            $object->friend = pick([null, $object]);
            break;
        case 4:
            $object = new Packed();
            $object->data = mt_rand(0, 3) ? randomArray($depth) : ["\0odd" => $value(), "\0A\0b" => $value(), 'b' => $value()];
            return $object;
        default:
            return new ArrayObject(randomArray($depth));
    }
    for ($left = mt_rand(0, 4); $left > 0; $left--) {
        $name = (string) randomKey();
        if (!str_starts_with($name, "\0")) {
            $object->$name = randomValue($depth);
        }
    }
    return $object;
}

function randomValue(int $depth)
{
    switch (mt_rand(0, $depth > 0 ? 13 : 7)) {
        case 0:
            return null;
        case 1:
            return mt_rand(0, 1) === 1;
        case 2:
        case 3:
            return randomInt();
        case 4:
            return randomFloat();
        case 5:
        case 6:
            return randomString();
        case 7:
            // msgpack 2 writes an enum as an object that it cannot read.
            return $GLOBALS['argv'][2] === 'msgpack' ? null : pick([Role::Admin, Role::Guest, Suit::Hearts, Suit::Spades]);
        case 8:
        case 9:
        case 10:
            return randomArray($depth - 1);
        case 11:
            $object = randomObject($depth - 1);
            $GLOBALS['objects'][] = $object;
            return $object;
        case 12:
            return $GLOBALS['objects'] === [] ? null : pick($GLOBALS['objects']);
        default:
            $shared = randomValue($depth - 1);
            $GLOBALS['shared'][] = $shared;
            return $shared;
    }
}

// After a Serializable no reference may follow: where it points to is the application's secret.
function randomLeg(): Leg
{
    $leg = new Leg();
    $leg->payload = mt_rand(0, 1) ? randomString() : serialize(randomInt());
    return $leg;
}

function randomSession(): array
{
    $GLOBALS['shared'] = [];
    $GLOBALS['objects'] = [];
    $session = [];
    for ($left = mt_rand(0, 6); $left > 0; $left--) {
        $name = str_replace('|', '', 'v' . randomString());
        if (preg_match('/^[^\0-\x1f\x7f]*$/uD', $name) !== 1 && str_starts_with($GLOBALS['argv'][2], 'php')) {
            $name = bin2hex($name);
        }
        if (mt_rand(0, 4) === 0 && $GLOBALS['shared'] !== []) {
            $session[$name] = &$GLOBALS['shared'][mt_rand(0, count($GLOBALS['shared']) - 1)];
        } elseif (mt_rand(0, 9) === 0) {
            $ring = ['inside' => randomValue(2)];
            $ring['ring'] = &$ring;
            $session[$name] = &$ring;
            unset($ring);
        } else {
            $session[$name] = randomValue(4);
        }
    }
    for ($left = mt_rand(0, 3) ? 0 : mt_rand(1, 2); $left > 0; $left--) {
        $session['leg' . $left] = randomLeg();
    }
    if (mt_rand(0, 19) === 0) {
        $session[''] = randomInt();
    }
    if (mt_rand(0, 9) === 0) {
        $session[mt_rand(-1, 9)] = randomInt();
    }
    // Whatever else is there, somebody is logged in.
    $login = ['user' => ['id' => 7, 'name' => 'alice'], 'authenticated' => true];
    return mt_rand(0, 1) ? $login + $session : $session + $login;
}

// The two programs.

function read(string $bytes): string
{
    $_SESSION = [];
    try {
        $accepted = session_decode($bytes);
    } catch (Throwable $error) {
        $accepted = false;
    }
    if (!$accepted) {
        if (session_status() !== PHP_SESSION_ACTIVE) {
            session_start();
        }
        return '{"refused":true}';
    }
    try {
        return '{"means":' . sessionJson($_SESSION) . '}';
    } catch (Endless $endless) {
        return '{"endless":true}';
    }
}

ob_start();
session_set_save_handler(new NoStore(), false);
session_start();
$lines = [];
if ($argv[1] === 'write') {
    mt_srand((int) $argv[3]);
    for ($left = (int) $argv[4]; $left > 0; $left--) {
        $_SESSION = randomSession();
        $bytes = session_encode();
        // What PHP reads back, not what was there: serialize() writes null for an array right inside itself.
        $lines[] = '{"bytes":"' . base64_encode($bytes) . '",' . substr(read($bytes), 1);
    }
} else {
    while (($line = fgets(STDIN)) !== false) {
        $lines[] = read(base64_decode(trim($line)));
    }
}
$_SESSION = [];
session_abort();
ob_end_clean();
echo implode("\n", $lines), "\n";
