<?php
// A small PHP site with a chat page: the login is PHP's session, and the page hands session_id() to Strophe.js.
// Served by `php -S ... index.php`, which asks this file for every path.

switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/login':
        ini_set('session.gc_maxlifetime', $_GET['lifetime'] ?? '1440');
        session_start();
        session_regenerate_id(true);
        $_SESSION = ['user' => $_GET['user'], 'authenticated' => true, 'cart' => [['article' => 4711]]];
        session_write_close();
        header('Location: /');
        break;
    case '/logout':
        session_start();
        session_destroy();
        header('Location: /');
        break;
    case '/chat-ticket':
        require __DIR__ . '/../../../infra/php/inspectord.php';
        session_start(['read_and_close' => true]);
        inspectord_ticket_response($_SESSION['user'] ?? null, 'localhost', getenv('TICKET_KEYS'));
        break;
    case '/inspectord.js':
        header('Content-Type: text/javascript');
        readfile(__DIR__ . '/../../../infra/page/inspectord.js');
        break;
    case '/strophe.js':
        header('Content-Type: text/javascript');
        readfile(getenv('STROPHE_PATH'));
        break;
    case '/':
        session_start();
        $session = json_encode(['user' => $_SESSION['user'] ?? null, 'id' => session_id()]);
        session_abort();
        header('Content-Type: text/html; charset=utf-8');
        echo "<!doctype html><title>Chat</title><script src='/strophe.js'></script>",
            "<script>const session = $session;</script><h1>Chat</h1>";
        break;
    default:
        http_response_code(404);
}
