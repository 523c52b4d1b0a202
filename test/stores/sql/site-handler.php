<?php
// PHP's sessions in a table, as a site of no framework may have them: one row a session, with the time of its end.
// What a test includes before its own code. php.ini has "site.dsn", "site.user" and "site.password".

final class TableHandler implements SessionHandlerInterface
{
    public function __construct(private PDO $database)
    {
    }

    public function open(string $path, string $name): bool
    {
        return true;
    }

    public function close(): bool
    {
        return true;
    }

    public function read(string $id): string
    {
        $found = $this->database->prepare('SELECT data FROM sessions WHERE id = ? AND expires > ?');
        $found->execute([$id, time()]);
        $data = $found->fetchColumn();
        return is_resource($data) ? stream_get_contents($data) : (string) $data;
    }

    public function write(string $id, string $data): bool
    {
        $this->destroy($id);
        $statement = $this->database->prepare('INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?)');
        $statement->bindValue(1, $id);
        $statement->bindValue(2, $data, PDO::PARAM_LOB);
        $statement->bindValue(3, time() + (int) ini_get('session.gc_maxlifetime'), PDO::PARAM_INT);
        return $statement->execute();
    }

    public function destroy(string $id): bool
    {
        return $this->database->prepare('DELETE FROM sessions WHERE id = ?')->execute([$id]);
    }

    public function gc(int $seconds): int
    {
        return 0;
    }
}

$database = new PDO(get_cfg_var('site.dsn'), get_cfg_var('site.user'), get_cfg_var('site.password') ?: null);
$database->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
session_set_save_handler(new TableHandler($database), true);
