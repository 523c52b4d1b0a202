<?php

// The demo's site: login and logout by PHP's own sessions, in memcached. Served by `php -S ... site.php`, which asks this
// file for every path.
//
//   /            two windows beside one another, and the panel
//   /1/, /2/     a window: the login, and once somebody is logged in the chat. Each has a cookie of its own, by its path, as
//                two people's browsers have
//   /1/login, /1/logout, /1/chat-ticket

declare(strict_types=1);

require __DIR__ . '/../php/inspectord.php';

const USERS = ['alice' => 'Alice', 'bob' => 'Bob'];
const FILES = [
    'stage.js' => __DIR__ . '/page/stage.js',
    'window.js' => __DIR__ . '/page/window.js',
    'style.css' => __DIR__ . '/page/style.css',
    'inspectord.js' => __DIR__ . '/../page/inspectord.js',
    'strophe.js' => __DIR__ . '/../../node_modules/strophe.js/dist/strophe.umd.min.js',
];

$path = (string) parse_url((string) $_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/') {
    header('Content-Type: text/html; charset=utf-8');
    readfile(__DIR__ . '/page/stage.html');
} elseif (preg_match('~^/assets/([a-z.]+)$~D', $path, $found) === 1 && isset(FILES[$found[1]])) {
    header('Content-Type: ' . (substr($path, -4) === '.css' ? 'text/css' : 'text/javascript'));
    readfile(FILES[$found[1]]);
} elseif (preg_match('~^/([12])/(|login|logout|chat-ticket)$~D', $path, $found) === 1) {
    window($found[1], $found[2]);
} else {
    http_response_code(404);
}

function window(string $number, string $action): void
{
    session_set_cookie_params(['path' => "/$number/", 'httponly' => true, 'samesite' => 'Strict']);
    if (($action === 'login' || $action === 'logout') && $_SERVER['REQUEST_METHOD'] !== 'POST') {
        http_response_code(405);
        return;
    }
    switch ($action) {
        case 'login':
            session_start();
            session_regenerate_id(true);
            $name = $_POST['user'] ?? '';
            // A real site asks for a password here.
            $_SESSION = isset(USERS[$name]) ? ['user' => $name, 'authenticated' => true] : [];
            header("Location: /$number/", true, 303);
            break;
        case 'logout':
            session_start();
            $name = $_SESSION['user'] ?? null;
            session_destroy();
            if ($name !== null) {
                // Without it the chat ends some seconds later, when the chat host looks by itself.
                inspectord_look((string) getenv('HINT_URL'), (string) getenv('HINT_TOKEN'), $name);
            }
            http_response_code(204);
            break;
        case 'chat-ticket':
            session_start(['read_and_close' => true]);
            inspectord_ticket_response(
                $_SESSION['user'] ?? null,
                (string) getenv('CHAT_HOST'),
                (string) getenv('TICKET_KEYS')
            );
            break;
        default:
            session_start(['read_and_close' => true]);
            page($number, $_SESSION['user'] ?? null);
    }
}

function page(string $number, ?string $name): void
{
    header('Content-Type: text/html; charset=utf-8');
    header('Cache-Control: no-store');
    $peer = $name === 'alice' ? 'bob' : 'alice';
    $shown = USERS[$name] ?? '';
    $users = '';
    foreach (USERS as $user => $label) {
        $users .= "<button name=\"user\" value=\"$user\">Log in as $label</button> ";
    }
    $body = $name === null
        ? "<form method=\"post\" action=\"/$number/login\"><p>Nobody is logged in on the site in this window.</p>$users</form>"
        : "<header><p>On the site: <b>$shown</b>" . ' <span id="site">is logged in</span></p>'
            . '<button id="logout">Log out on the site</button></header>'
            . '<p id="status" class="waiting">The chat begins ...</p>'
            . '<ol id="messages"></ol>'
            . '<form id="write"><input id="text" autocomplete="off" maxlength="500" placeholder="A message to '
            . USERS[$peer] . '"><button>Send</button></form>'
            . '<p class="small"><button id="pretend">Try to be ' . USERS[$peer] . ' with this ticket</button></p>'
            . "<p hidden id=\"again\"><a href=\"/$number/\">Log in again</a></p>";
    $host = getenv('CHAT_HOST');
    $module = $name === null ? '' : '<script src="/assets/strophe.js"></script><script type="module" src="/assets/window.js"></script>';
    echo "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Window $number</title>",
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/assets/style.css">',
        "<body class=\"window\" data-window=\"$number\" data-me=\"$name\" data-peer=\"$peer\" data-my-name=\"$shown\" ",
        "data-peer-name=\"" . USERS[$peer] . "\" data-host=\"$host\">$body$module";
}
