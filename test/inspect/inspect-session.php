<?php
// One of everything that a session can hold, for the tests of the inspect tool.

class Base { private $name = 'base-secret'; protected $mail = 'mail-secret'; }
class User extends Base { private $name = 'name-secret'; public $friend; }
class Leg implements Serializable {
    public function serialize() { return "payload-secret\xff"; }
    public function unserialize($payload) {}
}
enum Role: string { case Admin = 'admin-secret'; }

session_start();
$ring = ['size' => 424242];
// ext-msgpack miscounts the references behind this one: PHP itself reads back another session than it wrote.
if (ini_get('session.serialize_handler') !== 'msgpack') {
    $ring['self'] = &$ring;
}
$_SESSION['ring'] = &$ring;
$user = new User();
$user->friend = $user;
$_SESSION['user'] = $user;
$_SESSION['list'] = [424242, 'text-secret', [], null, true, 42.42];
$_SESSION['map'] = ['é' => 'ü-secret', '$class' => 'class-secret', '$name' => '', 7 => 'seven-secret', '' => 'hidden-secret'];
$_SESSION['numbers'] = [PHP_INT_MAX, PHP_INT_MIN, NAN, INF, -INF];
$_SESSION['bytes'] = "bytes-secret\xff\xfe";
$_SESSION['role'] = Role::Admin;
$twice = ['x' => 'twice-secret'];
$_SESSION['shared'] = [&$twice, &$twice];
$_SESSION['leg'] = new Leg();
echo session_encode();
session_abort();
