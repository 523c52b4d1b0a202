<?php

// A route of a site without a framework: /chat-ticket

declare(strict_types=1);

require __DIR__ . '/../inspectord.php';

session_start(['read_and_close' => true]);
inspectord_ticket_response($_SESSION['user'] ?? null, 'example.org', (string) getenv('TICKET_KEYS'));
