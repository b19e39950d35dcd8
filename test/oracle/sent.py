"""What a sender hears of its own sends: SO_TIMESTAMPING of transmission, MSG_ZEROCOPY notices, signed segments (TCP_MD5SIG)."""
from oracle import *

ENABLE, ZEROCOPY = 37, 60
SENT, SCHEDULED, ACKED = 1 << 1, 1 << 8, 1 << 9
SOFTWARE, WITH_ID, WITH_CMSG, ONLY, STATISTICS, ID_OF_WRITTEN = 1 << 4, 1 << 7, 1 << 10, 1 << 11, 1 << 12, 1 << 16
MSG_ZEROCOPY = 0x4000000


def control(level, kind, data):
    if (level, kind) == (socket.SOL_SOCKET, 37):
        return ("times", [t > 0 for t in struct.unpack("6q", data)[::2]])
    if (level, kind) == (socket.SOL_SOCKET, 54):
        kinds, at = [], 0
        while at + 4 <= len(data):
            size, attribute = struct.unpack_from("HH", data, at)
            kinds.append((attribute, size - 4))
            at += (size + 3) & ~3
        return ("statistics", kinds)
    if kind in (11, 25):
        return ("error", struct.unpack("IBBBBII", data[:16]), len(data), struct.unpack("H", data[16:18])[0])
    return (level, kind, len(data))


def told(label, s):
    time.sleep(0.05)
    while True:
        try:
            data, controls, flags, name = s.recvmsg(2000, 1000, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        show(label, (len(data), hex(flags), name, [control(*c) for c in controls]))


def pair(family, l):
    c = socket.socket(family, socket.SOCK_STREAM)
    c.connect(l.getsockname())
    return c, l.accept()[0]


for family in (socket.AF_INET, socket.AF_INET6):
    host = LO6 if family == socket.AF_INET6 else LO4
    l = socket.socket(family, socket.SOCK_STREAM)
    l.bind((host, 0))
    l.listen(8)
    for name, flags in (("all", WITH_ID), ("without packet", WITH_ID | ONLY), ("statistics", WITH_ID | ONLY | STATISTICS), ("no id", 0),
                        ("id of written", WITH_ID | ID_OF_WRITTEN)):
        c, d = pair(family, l)
        c.send(b"x" * 10)
        show(name, attempt(c.setsockopt, socket.SOL_SOCKET, ENABLE, flags | SENT | SCHEDULED | ACKED | SOFTWARE))
        c.send(b"y" * 100)
        told(name, c)
        c.setsockopt(socket.SOL_SOCKET, ENABLE, SOFTWARE | WITH_ID)
        show("by control", attempt(c.sendmsg, [b"z" * 50], [(socket.SOL_SOCKET, ENABLE, struct.pack("I", SENT | ACKED))]))
        told("by control", c)
        show("own id", attempt(c.sendmsg, [b"z"], [(socket.SOL_SOCKET, 81, struct.pack("I", 5))]))
        show("unknown control", attempt(c.sendmsg, [b"z"], [(socket.SOL_SOCKET, 99, struct.pack("I", 5))]))
        show("control of another level", attempt(c.sendmsg, [b"z"], [(250, 8, struct.pack("I", 5))]))
        c.close(), d.close()

    u, v = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    v.bind((host, 0))
    for name, flags in (("datagram", SENT | SCHEDULED | ACKED), ("datagram, no packet", SENT | SCHEDULED | ONLY)):
        u.setsockopt(socket.SOL_SOCKET, ENABLE, 0)
        u.setsockopt(socket.SOL_SOCKET, ENABLE, flags | SOFTWARE | WITH_ID)
        u.sendto(b"abc", v.getsockname())
        u.sendto(b"abcd", v.getsockname())
        told(name, u)
    u.setsockopt(socket.SOL_SOCKET, ENABLE, SENT | SCHEDULED | SOFTWARE | WITH_ID)
    u.sendto(b"f" * 20000, v.getsockname())
    told("large", u)
    u.setsockopt(socket.SOL_SOCKET, ENABLE, SOFTWARE | WITH_ID)
    show("own number", attempt(u.sendmsg, [b"q"], [(socket.SOL_SOCKET, ENABLE, struct.pack("I", SENT)), (socket.SOL_SOCKET, 81, struct.pack("I", 777))], 0, v.getsockname()))
    told("own number", u)
    show("not a wish", attempt(u.sendmsg, [b"q"], [(socket.SOL_SOCKET, ENABLE, struct.pack("I", SOFTWARE))], 0, v.getsockname()))

    c, d = pair(family, l)
    show("not asked for", attempt(c.send, b"a", MSG_ZEROCOPY))
    told("not asked for", c)
    c.setsockopt(socket.SOL_SOCKET, ZEROCOPY, 1)
    show("by reference", attempt(c.send, b"a" * 5000, MSG_ZEROCOPY))
    show("of nothing", attempt(c.send, b"", MSG_ZEROCOPY))
    show("again", attempt(c.send, b"b", MSG_ZEROCOPY))
    told("by reference", c)
    show("and again", attempt(c.send, b"c", MSG_ZEROCOPY))
    told("and again", c)
    u.setsockopt(socket.SOL_SOCKET, ENABLE, 0)
    show("datagrams too", attempt(u.setsockopt, socket.SOL_SOCKET, ZEROCOPY, 1))
    show("datagram", attempt(u.sendto, b"abc", MSG_ZEROCOPY, v.getsockname()))
    told("datagram", u)


def key(family, address, text, flags=0, prefix=0, ifindex=0):
    raw = socket.inet_pton(family, address)
    a = struct.pack("H", family) + bytes(2 if family == socket.AF_INET else 6) + raw
    return a.ljust(128, b"\0") + struct.pack("BBHi", flags, prefix, len(text), ifindex) + text.ljust(80, b"\0")


SIGN, SIGN_EXTENDED = 14, 32
four, six = socket.socket(), socket.socket(socket.AF_INET6)


def sign(s, option, *given):
    return attempt(s.setsockopt, socket.IPPROTO_TCP, option, given[0] if isinstance(given[0], bytes) else key(*given))


show("key", [sign(four, SIGN, socket.AF_INET, LO4, t) for t in (b"abc", b"def", b"", b"")])
show("key's size", [sign(four, SIGN, key(socket.AF_INET, LO4, b"a")[:n]) for n in (3, 4, 215, 216)])
show("key of another family", [sign(four, SIGN, socket.AF_INET6, LO6, b"a"), sign(six, SIGN, socket.AF_INET, LO4, b"a"), sign(six, SIGN, socket.AF_INET6, "::ffff:1.2.3.4", b"a")])
show("prefixes", [sign(four, SIGN_EXTENDED, socket.AF_INET, "10.0.0.0", b"a", 1, n) for n in (0, 32, 33)])
show("prefixes of six", [sign(six, SIGN_EXTENDED, socket.AF_INET6, "fe80::", b"a", 1, n) for n in (0, 128, 129)])
show("interfaces", [sign(four, SIGN_EXTENDED, socket.AF_INET, "10.0.0.0", b"a", 2, 0, n) for n in (0, 1, 99)])
show("key cannot be read", attempt(four.getsockopt, socket.IPPROTO_TCP, SIGN, 216))
for family in (socket.AF_INET, socket.AF_INET6):
    host = LO6 if family == socket.AF_INET6 else LO4
    for theirs, ours in ((b"same", b"same"), (b"one", b"other"), (None, b"only ours"), (b"only theirs", None)):
        l = socket.socket(family)
        if theirs:
            l.setsockopt(socket.IPPROTO_TCP, SIGN, key(family, host, theirs))
        l.bind((host, 0))
        l.listen(1)
        c = socket.socket(family)
        c.settimeout(0.3)
        if ours:
            c.setsockopt(socket.IPPROTO_TCP, SIGN, key(family, host, ours))
        try:
            c.connect(l.getsockname())
        except TimeoutError:
            show("signed", "no answer")
            continue
        d = l.accept()[0]
        c.sendall(b"s" * 50000)
        got = 0
        while got < 50000:
            got += len(d.recv(50000))
        info = c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
        c.close()
        show("signed", (got, "options", info[5], d.recv(1)))
