"""memcached.py ADDRESS PORT: sets, gets and counts over TCP, gets over UDP; prints ok."""
import os
import socket
import sys

address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET


def ask(stream, request, end):
    stream.sendall(request)
    answer = b""
    while not answer.endswith(end):
        piece = stream.recv(1 << 16)
        assert piece, "closed after %r" % answer[-100:]
        answer += piece
    return answer


def store(stream, key, value):
    answer = ask(stream, b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value), b"\r\n")
    assert answer == b"STORED\r\n", answer


values = {b"key%d" % n: os.urandom(17 * n % 5000).hex().encode() for n in range(1000)}
values[b"big"] = os.urandom(1_500_000).hex().encode()
streams = [socket.create_connection((address, port), timeout=10) for _ in range(20)]
for n, (key, value) in enumerate(values.items()):
    store(streams[n % 20], key, value)
for n, (key, value) in enumerate(values.items()):
    answer = ask(streams[(n + 7) % 20], b"get %s\r\n" % key, b"\r\nEND\r\n")
    assert answer == b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value), (key, len(answer))
store(streams[0], b"count", b"40")
assert ask(streams[1], b"incr count 2\r\n", b"\r\n") == b"42\r\n"
assert ask(streams[2], b"get nothing\r\n", b"END\r\n") == b"END\r\n"

with socket.socket(family, socket.SOCK_DGRAM) as datagram:
    datagram.settimeout(5)
    datagram.connect((address, port))
    datagram.send(b"\0\7\0\0\0\1\0\0get count\r\n")
    assert datagram.recv(2000) == b"\0\7\0\0\0\1\0\0VALUE count 0 2\r\n42\r\nEND\r\n"
print("ok")
