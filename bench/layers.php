<?php
// Sessions below each layer for bench/layers.ts, and PHP's own time for taking it off.
//
//   php layers.php PORT write                 one JSON object a layer and size: {"what": ..., "size": ..., "bytes": base64}
//   php layers.php PORT read < lines          "WHAT base64 count" -> nanoseconds
//
// A Redis listens on the port: without a connection phpredis takes no options.

error_reporting(E_ALL & ~E_DEPRECATED & ~E_WARNING);

[, $port, $does] = $argv;
$redis = new Redis();
$redis->connect('127.0.0.1', (int) $port);
const KEY = 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk';

function session(int $size): array
{
    $session = ['user' => ['id' => 7, 'name' => 'alice'], 'cart' => []];
    for ($i = 0; strlen(serialize($session)) < $size * 0.95; $i++) {
        $session['cart'][] = ['sku' => 'NL-' . $i * 7919 % 99_991, 'name' => 'Café-stoel ' . $i, 'quantity' => 1 + $i % 4, 'gift' => $i % 3 === 0];
    }
    return $session;
}

/** The session by the handler `php`. */
function text(array $session): string
{
    $text = '';
    foreach ($session as $name => $value) {
        $text .= $name . '|' . serialize($value);
    }
    return $text;
}

function packed(Redis $redis, int $compression, string $text): string
{
    $redis->setOption(Redis::OPT_COMPRESSION, $compression);
    return $redis->_compress($text);
}


/** As Illuminate\Encryption\Encrypter does it. */
function encrypted(string $text, string $cipher): string
{
    $iv = random_bytes(openssl_cipher_iv_length($cipher));
    $isGcm = str_ends_with($cipher, 'gcm');
    $value = openssl_encrypt(serialize($text), $cipher, KEY, 0, $iv, $tag);
    $iv = base64_encode($iv);
    $mac = $isGcm ? '' : hash_hmac('sha256', $iv . $value, KEY);
    return base64_encode(json_encode(['iv' => $iv, 'value' => $value, 'mac' => $mac, 'tag' => base64_encode($tag ?? '')]));
}

function decrypted(string $bytes, string $cipher): array
{
    $payload = json_decode(base64_decode($bytes), true);
    if ($payload['mac'] !== '' && !hash_equals(hash_hmac('sha256', $payload['iv'] . $payload['value'], KEY), $payload['mac'])) {
        return [];
    }
    $plain = openssl_decrypt($payload['value'], $cipher, KEY, 0, base64_decode($payload['iv']), base64_decode($payload['tag']));
    return unserialize(unserialize($plain));
}

$layers = [
    'gzip' => ['gzencode', 'gzdecode'],
    'zlib' => ['gzcompress', 'gzuncompress'],
    'deflate' => ['gzdeflate', 'gzinflate'],
    'lzf' => [fn ($text) => packed($redis, Redis::COMPRESSION_LZF, $text), fn ($bytes) => $redis->_uncompress($bytes)],
    'lz4' => [fn ($text) => packed($redis, Redis::COMPRESSION_LZ4, $text), fn ($bytes) => $redis->_uncompress($bytes)],
    'zstd' => [fn ($text) => packed($redis, Redis::COMPRESSION_ZSTD, $text), fn ($bytes) => $redis->_uncompress($bytes)],
    'magento' => [fn ($text) => ':gz:' . gzcompress($text, 1), fn ($bytes) => gzuncompress(substr($bytes, 4))],
    'serialize' => ['serialize', 'unserialize'],
    'igbinary' => ['igbinary_serialize', 'igbinary_unserialize'],
    'msgpack' => ['msgpack_pack', 'msgpack_unpack'],
    'yii2' => [fn ($text) => serialize([$text, null]), fn ($bytes) => unserialize($bytes)[0]],
    'base64' => ['base64_encode', 'base64_decode'],
];
$compressions = ['lzf' => Redis::COMPRESSION_LZF, 'lz4' => Redis::COMPRESSION_LZ4, 'zstd' => Redis::COMPRESSION_ZSTD];

if ($does === 'write') {
    foreach ([1000, 10_000, 100_000] as $size) {
        $session = session($size);
        $write = function (string $what, string $bytes) use ($size): void {
            echo json_encode(['what' => $what, 'size' => $size, 'bytes' => base64_encode($bytes)]), "\n";
        };
        foreach ($layers as $name => [$make]) {
            $write($name, $make(text($session)));
        }
        $write('json', json_encode($session));
        $write('laravel-cbc', encrypted(serialize($session), 'aes-256-cbc'));
        $write('laravel-gcm', encrypted(serialize($session), 'aes-256-gcm'));
    }
    exit;
}

while (($line = fgets(STDIN)) !== false) {
    [$what, $base64, $count] = explode(' ', trim($line));
    $bytes = base64_decode($base64);
    if (isset($compressions[$what])) {
        $redis->setOption(Redis::OPT_COMPRESSION, $compressions[$what]);
    }
    $read = match ($what) {
        'json' => fn ($bytes) => json_decode($bytes, true),
        'laravel-cbc' => fn ($bytes) => decrypted($bytes, 'aes-256-cbc'),
        'laravel-gcm' => fn ($bytes) => decrypted($bytes, 'aes-256-gcm'),
        default => $layers[$what][1],
    };
    $start = hrtime(true);
    for ($done = 0; $done < $count; $done++) {
        $found = $read($bytes);
    }
    $took = hrtime(true) - $start;
    $isRight = is_array($found) ? isset($found['user']) : $found[0] === 'u';
    echo $isRight ? $took : 'wrong', "\n";
}
