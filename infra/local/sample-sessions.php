<?php
// Writes the sample sessions of the local stack: php sample-sessions.php DIRECTORY
// A small site's sessions, by PHP's own default save handler `files` and default serialize handler `php`.

[, $directory] = $argv;
ini_set('session.save_handler', 'files');
ini_set('session.save_path', $directory);
ini_set('session.use_cookies', '0');
ini_set('session.use_strict_mode', '0');
ini_set('session.cache_limiter', '');

$samples = [
    'alice0session0of0the0samples' => ['user' => 'Alice', 'authenticated' => true],
    'bob0session0of0the0samples00' => ['user' => 'Bob', 'authenticated' => true],
    // Logged out on the site: the session lives on, with a language and a shopping cart, but without a login.
    'carol0session0of0the0samples' => ['user' => 'Carol', 'authenticated' => false],
];
foreach ($samples as $id => $login) {
    session_id($id);
    session_start();
    $_SESSION = $login + [
        'language' => 'en',
        'cart' => [['article' => 4711, 'price' => 19.99], ['article' => 815, 'price' => 5.0]],
        'lastRequest' => 1700000000,
    ];
    session_write_close();
}
