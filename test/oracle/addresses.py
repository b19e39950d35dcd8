"""Odd destinations and local addresses: what connect(), sendto() and bind() say to each, for every kind of socket."""
from oracle import *

DESTINATIONS6 = [("fe80::1", 99), ("fe80::1", 99, 0, 1), ("fe80::1", 99, 0, 77), ("ff02::1", 99), ("ff02::1", 99, 0, 1), ("ff0e::1", 99),
                 ("2001:db8::1", 99), ("::", 99), ("::ffff:127.0.0.1", 99), ("::ffff:192.0.2.1", 99), ("::1", 99, 0, 5)]
DESTINATIONS4 = [(a, 99) for a in ("0.0.0.0", "255.255.255.255", "127.255.255.255", "224.1.2.3", "192.0.2.1", "127.0.0.9", "0.1.2.3",
                                   "240.0.0.1")]


def make(family, kind):
    s = socket.socket(family, kind, 200 if kind == socket.SOCK_RAW else 0)
    s.setblocking(False)
    return s


def each(family, kind, to):
    try:
        s = make(family, kind)
    except OSError as e:
        return name_of(e.errno)
    connected = attempt(s.connect, to)
    sent = attempt(make(family, kind).sendto, b"x", to) if kind != socket.SOCK_STREAM else "-"
    bound = attempt(make(family, kind).bind, to)
    return connected, sent, bound, s.getsockname()[0]


def broadcasting(family, kind, to):
    try:
        s = make(family, kind)
    except OSError as e:
        return name_of(e.errno)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return attempt(s.connect, to), attempt(s.send, b"x") if kind != socket.SOCK_STREAM else "-"


for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_RAW):
    for to in DESTINATIONS6:
        show(f"{kind} {to}", each(socket.AF_INET6, kind, to))
    for to in DESTINATIONS4:
        show(f"{kind} {to}", each(socket.AF_INET, kind, to))
        show(f"{kind} {to} broadcast", broadcasting(socket.AF_INET, kind, to))
