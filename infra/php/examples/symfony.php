<?php

// src/Controller/ChatTicketController.php of a Symfony site.

declare(strict_types=1);

namespace App\Controller;

use Symfony\Component\DependencyInjection\Attribute\Autowire;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Routing\Attribute\Route;
use Symfony\Component\Security\Core\User\UserInterface;
use Symfony\Component\Security\Http\Attribute\CurrentUser;

final class ChatTicketController
{
    #[Route('/chat-ticket')]
    public function __invoke(
        Request $request,
        #[CurrentUser] ?UserInterface $user,
        #[Autowire(env: 'TICKET_KEYS')] string $keys
    ): JsonResponse {
        $headers = ['Cache-Control' => 'no-store'];
        if ($request->headers->get('Sec-Fetch-Site', 'same-origin') !== 'same-origin') {
            return new JsonResponse(['error' => 'other-site'], 403, $headers);
        }
        if ($user === null) {
            return new JsonResponse(['error' => 'not-authenticated'], 401, $headers);
        }
        $host = 'example.org';
        return new JsonResponse([
            'jid' => inspectord_jid($user->getUserIdentifier(), $host),
            'password' => inspectord_ticket($host, $keys, 60, $request->getSession()->getId()),
            'spreadSeconds' => 30,
        ], 200, $headers);
    }
}
