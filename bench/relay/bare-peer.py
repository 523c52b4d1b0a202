#!/usr/bin/env python3
"""The least that an external-auth script of 2010's kind could do: it asks memcached on a socket of its own, decodes
nothing, looks for the name in the session's bytes, and logs nothing.
usage: bare-peer.py MEMCACHED_PORT"""
import socket
import struct
import sys

memcached = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
memcached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
replies = memcached.makefile("rb")


def session(session_id):
    memcached.sendall(b"get memc.sess.key." + session_id + b"\r\n")
    head = replies.readline()
    if not head.startswith(b"VALUE"):
        return None
    data = replies.read(int(head.split()[3]) + 2)
    replies.readline()
    return data


while True:
    head = sys.stdin.buffer.read(2)
    if len(head) < 2:
        break
    parts = sys.stdin.buffer.read(struct.unpack(">H", head)[0]).split(b":", 3)
    allowed = False
    if parts[0] == b"auth" and len(parts) == 4 and parts[3].isalnum():
        data = session(parts[3])
        allowed = data is not None and b'user|s:%d:"%s";' % (len(parts[1]), parts[1]) in data
    sys.stdout.buffer.write(struct.pack(">HH", 2, 1 if allowed else 0))
    sys.stdout.buffer.flush()
