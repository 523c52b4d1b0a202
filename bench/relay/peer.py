#!/usr/bin/python3
"""The peer: a plain external-auth script in Python 3, put together as that of 2010 was. python-memcached asks memcached,
the whole session is decoded, and a line is logged for each login. (Other than that one it looks whose session it is.)
usage: peer.py MEMCACHED_PORT LOG_FILE"""
import logging
import struct
import sys

import memcache

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", filename=sys.argv[2])
client = memcache.Client(["127.0.0.1:" + sys.argv[1]])


def value(text, at):
    """Gives the value that begins here, and where it ends."""
    kind = text[at]
    if kind == "N":
        return None, at + 2
    if kind in "bid":
        end = text.index(";", at)
        number = text[at + 2 : end]
        return (float(number) if kind == "d" else int(number)), end + 1
    colon = text.index(":", at + 2)
    length = int(text[at + 2 : colon])
    if kind == "s":
        start = colon + 2
        return text[start : start + length], start + length + 2
    if kind == "a":
        items = {}
        at = colon + 2
        for _ in range(length):
            key, at = value(text, at)
            items[key], at = value(text, at)
        return items, at + 1
    raise ValueError(kind)


def session_decode(text):
    session = {}
    at = 0
    while at < len(text):
        bar = text.index("|", at)
        session[text[at:bar]], at = value(text, bar + 1)
    return session


def is_logged_in(user, session_id):
    data = client.get("memc.sess.key." + session_id)
    if not data:
        return False
    try:
        session = session_decode(data.decode())
        return session["authenticated"] == 1 and session["user"] == user
    except (KeyError, ValueError, IndexError):
        return False


while True:
    head = sys.stdin.buffer.read(2)
    if len(head) < 2:
        break
    parts = sys.stdin.buffer.read(struct.unpack(">H", head)[0]).decode().split(":", 3)
    allowed = parts[0] == "auth" and is_logged_in(parts[1], parts[3])
    sys.stdout.buffer.write(struct.pack(">HH", 2, 1 if allowed else 0))
    sys.stdout.buffer.flush()
    logging.info("%s %s", parts[0], "successful" if allowed else "unsuccessful")
