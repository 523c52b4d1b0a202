<?php
// Writes a session of alice (7) into the Redis server on this port, by the framework's own session code and its own
// Redis client, and prints the session's id.

use Illuminate\Auth\GenericUser;
use Illuminate\Auth\SessionGuard;
use Illuminate\Cache\RedisStore;
use Illuminate\Cache\Repository;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;
use Illuminate\Redis\RedisManager;
use Illuminate\Session\CacheBasedSessionHandler;
use Illuminate\Session\Store;
use Symfony\Component\HttpFoundation\Session\Session;
use Symfony\Component\HttpFoundation\Session\Storage\Handler\RedisSessionHandler;
use Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage;
use Symfony\Component\Security\Core\Authentication\Token\UsernamePasswordToken;
use Symfony\Component\Security\Core\User\InMemoryUser;

[, $framework, $port] = $argv;

foreach (['Illuminate' => ['Session', 'Cache', 'Auth', 'Redis', 'Http']] as $vendor => $components) {
    foreach ($components as $component) {
        require "/usr/share/php/$vendor/$component/autoload.php";
    }
}
foreach (['Security/Core', 'HttpFoundation'] as $component) {
    require "/usr/share/php/Symfony/Component/$component/autoload.php";
}

class NoUsers implements UserProvider
{
    public function retrieveById($id) {}
    public function retrieveByToken($id, $token) {}
    public function updateRememberToken(Authenticatable $user, $token) {}
    public function retrieveByCredentials(array $credentials) {}
    public function validateCredentials(Authenticatable $user, array $credentials) {}
}

// As SessionManager::createRedisDriver() does it, with config/database.php's and config/cache.php's prefixes.
function laravel(int $port): string
{
    $server = ['host' => '127.0.0.1', 'port' => $port, 'database' => 0];
    $config = ['client' => 'phpredis', 'options' => ['prefix' => 'laravel_database_'], 'default' => $server];
    $cache = new RedisStore(new RedisManager(null, 'phpredis', $config), 'laravel_cache_', 'default');
    $session = new Store('laravel_session', new CacheBasedSessionHandler(new Repository($cache), 120));
    $user = new GenericUser(['id' => 7, 'name' => 'alice', 'password' => 'hash', 'remember_token' => null]);
    (new SessionGuard('web', new NoUsers(), $session))->login($user);
    $session->save();
    return $session->getId();
}

function symfony(int $port): string
{
    $redis = new Redis();
    $redis->connect('127.0.0.1', $port);
    $session = new Session(new NativeSessionStorage([], new RedisSessionHandler($redis)));
    $session->start();
    $alice = new InMemoryUser('alice', 'hash', ['ROLE_USER']);
    $session->set('_security_main', serialize(new UsernamePasswordToken($alice, 'main', ['ROLE_USER'])));
    $session->save();
    return $session->getId();
}

echo $framework((int) $port);
