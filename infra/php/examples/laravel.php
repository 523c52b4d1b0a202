<?php

// routes/web.php of a Laravel site. TICKET_KEYS stands in .env, read through config/services.php.

declare(strict_types=1);

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

Route::get('/chat-ticket', static function (Request $request) {
    if ($request->header('Sec-Fetch-Site', 'same-origin') !== 'same-origin') {
        return response()->json(['error' => 'other-site'], 403);
    }
    // The preset `laravel` knows users by their id.
    $user = $request->user();
    if ($user === null) {
        return response()->json(['error' => 'not-authenticated'], 401);
    }
    $host = 'example.org';
    return response()->json([
        'jid' => inspectord_jid((string) $user->getAuthIdentifier(), $host),
        'password' => inspectord_ticket($host, config('services.inspectord.ticket_keys'), 60, $request->session()->getId()),
        'spreadSeconds' => 30,
    ])->header('Cache-Control', 'no-store');
});
