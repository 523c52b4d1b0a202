<?php
// Makes the framework's table of sessions, and writes a session of alice (7) there by the framework's own code and its
// own database connection. Prints the session's id.

use Illuminate\Auth\GenericUser;
use Illuminate\Auth\SessionGuard;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;
use Illuminate\Database\Capsule\Manager;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Session\DatabaseSessionHandler;
use Illuminate\Session\EncryptedStore;
use Illuminate\Session\Store;
use Symfony\Component\HttpFoundation\Session\Session;
use Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler;
use Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage;
use Symfony\Component\Security\Core\Authentication\Token\UsernamePasswordToken;
use Symfony\Component\Security\Core\User\InMemoryUser;

[, $framework, $driver, $port] = $argv;

foreach (['Session', 'Auth', 'Http', 'Database', 'Encryption'] as $component) {
    require "/usr/share/php/Illuminate/$component/autoload.php";
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

// As SessionManager::createDatabaseDriver() does it, with the table of `artisan session:table`.
function laravel(string $driver, int $port, bool $isEncrypted = false): string
{
    $manager = new Manager();
    $manager->addConnection([
        ...['driver' => $driver, 'host' => '127.0.0.1', 'port' => $port, 'database' => 'site'],
        ...['username' => 'site', 'password' => 'site', 'charset' => $driver === 'mysql' ? 'utf8mb4' : 'utf8'],
        ...($driver === 'mysql' ? ['collation' => 'utf8mb4_unicode_ci', 'strict' => true] : []),
    ]);
    $connection = $manager->getConnection();
    $schema = $connection->getSchemaBuilder();
    $schema->dropIfExists('sessions');
    $schema->create('sessions', function (Blueprint $table) {
        $table->string('id')->primary();
        $table->foreignId('user_id')->nullable()->index();
        $table->string('ip_address', 45)->nullable();
        $table->text('user_agent')->nullable();
        $table->text('payload');
        $table->integer('last_activity')->index();
    });
    $handler = new DatabaseSessionHandler($connection, 'sessions', 120);
    $key = hash('sha256', 'the APP_KEY of these fixtures', true);
    $session = $isEncrypted
        ? new EncryptedStore('laravel_session', $handler, new Illuminate\Encryption\Encrypter($key, 'aes-256-cbc'))
        : new Store('laravel_session', $handler);
    $user = new GenericUser(['id' => 7, 'name' => 'alice', 'password' => 'hash', 'remember_token' => null]);
    (new SessionGuard('web', new NoUsers(), $session))->login($user);
    $session->put('note', "Zo\u{eb} \u{1f600}");
    $session->save();
    return $session->getId();
}

function encrypted(string $driver, int $port): string
{
    return laravel($driver, $port, true);
}

function symfony(string $driver, int $port): string
{
    $dsn = "$driver:host=127.0.0.1;port=$port;dbname=site" . ($driver === 'mysql' ? ';charset=utf8mb4' : '');
    $pdo = new PDO($dsn, 'site', 'site');
    $pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
    $pdo->exec('DROP TABLE IF EXISTS sessions');
    $handler = new PdoSessionHandler($pdo);
    $handler->createTable();
    $session = new Session(new NativeSessionStorage([], $handler));
    $session->start();
    $alice = new InMemoryUser('alice', 'hash', ['ROLE_USER']);
    $session->set('_security_main', serialize(new UsernamePasswordToken($alice, 'main', ['ROLE_USER'])));
    $session->save();
    return $session->getId();
}

echo $framework($driver, (int) $port);
