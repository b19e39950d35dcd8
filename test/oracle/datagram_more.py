"""Datagrams again: segmentation, corking, size limits, error queues, buffers, raw and ping sockets where they are allowed."""
from oracle import *

UDP = socket.IPPROTO_UDP
CORK, SEGMENT, GRO = 1, 103, 104


def udp(family, port=0):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((LO6 if family == socket.AF_INET6 else LO4, port))
    s.setblocking(False)
    return s


def drain(s, size=70000):
    """Lengths of all that comes."""
    got = []
    while wait_readable(s, 0.05):
        r = attempt(s.recv, size)
        got.append(len(r) if isinstance(r, bytes) else r)
        if len(got) > 200:
            break
    return got


def errors(s):
    """The error queue: payload, address's port known or not, errno, origin, type, code, info, offender."""
    got = []
    while True:
        r = attempt(s.recvmsg, 100, 512, socket.MSG_ERRQUEUE)
        if isinstance(r, str):
            return got + [r]
        data, control, flags, address = r
        for level, kind, c in control:
            n, origin, t, code, _, info, _ = struct.unpack("IBBBBII", c[:16])
            got.append((data, address[:2], level, kind, name_of(n), origin, t, code, info, c[16:].hex(), flags & ~socket.MSG_CMSG_CLOEXEC))


for family, name in ((socket.AF_INET, "4"), (socket.AF_INET6, "6")):
    a, b = udp(family), udp(family)
    to = b.getsockname()
    for segment, size in ((1000, 2500), (1000, 1000), (1, 128), (1, 129), (65507, 65507), (65508, 65507), (40000, 65000), (0, 5), (500, 0), (500, 499)):
        a.setsockopt(UDP, SEGMENT, segment)
        show(f"{name} segment {segment} of {size}", (attempt(a.sendto, bytes(size), to), drain(b)))
    a.setsockopt(UDP, SEGMENT, 700)
    b.setsockopt(UDP, GRO, 1)
    show(f"{name} merged", (attempt(a.sendto, bytes(2000), to), drain(b)))
    b.setsockopt(UDP, GRO, 0)
    a.setsockopt(UDP, SEGMENT, 0)
    for size in (65507, 65508, 65527, 65528, 65535, 65536, 100000):
        show(f"{name} size {size}", (attempt(a.sendto, bytes(size), to), drain(b)))
    show(f"{name} more", (attempt(a.sendto, b"ab", socket.MSG_MORE, to), drain(b), attempt(a.sendto, b"cd", to), drain(b)))
    show(f"{name} more too big", (attempt(a.sendto, bytes(60000), socket.MSG_MORE, to), attempt(a.sendto, bytes(60000), to), drain(b)))
    a.setsockopt(UDP, CORK, 1)
    show(f"{name} corked", (attempt(a.sendto, b"1", to), attempt(a.sendto, b"2", ("192.0.2.1" if name == "4" else "2001:db8::1", 9)), drain(b)))
    a.setsockopt(UDP, CORK, 0)
    show(f"{name} uncorked", drain(b))
    show(f"{name} oob", attempt(a.sendto, b"x", socket.MSG_OOB, to))
    show(f"{name} peek", (attempt(a.sendto, b"peek", to), wait_readable(b), attempt(b.recv, 2, socket.MSG_PEEK), attempt(b.recv, 2, socket.MSG_TRUNC), drain(b)))
    b.setsockopt(socket.SOL_SOCKET, 42, 0)
    for part in (b"abcd", b"efgh"):
        a.sendto(part, to)
    wait_readable(b)
    show(f"{name} peek offset", [attempt(b.recv, 3, socket.MSG_PEEK) for _ in range(4)] + [attempt(b.recv, 9), attempt(b.recv, 9, socket.MSG_PEEK)])
    b.setsockopt(socket.SOL_SOCKET, 42, -1)
    drain(b)
    # Errors.
    gone = udp(family)
    nobody = gone.getsockname()
    gone.close()
    e = socket.socket(family, socket.SOCK_DGRAM)
    e.setblocking(False)
    level, option = (socket.IPPROTO_IP, 11) if name == "4" else (socket.IPPROTO_IPV6, 25)
    e.setsockopt(level, option, 1)
    e.sendto(b"lost", nobody)
    found = errors(e)
    show(f"{name} refused", [(f[0], f[1][0], f[1][1] == nobody[1]) + f[2:] if isinstance(f, tuple) else f for f in found])
    show(f"{name} then", (attempt(e.recv, 9), attempt(e.sendto, b"x", to), e.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))
    discover = (socket.IPPROTO_IP, 10) if name == "4" else (socket.IPPROTO_IPV6, 23)
    e.setsockopt(*discover, 2)
    drain(b)
    show(f"{name} too big", (attempt(e.sendto, bytes(65530), to), [f[2:] if isinstance(f, tuple) else f for f in errors(e)]))
    # Buffers.
    b.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 5000)
    for size in (1, 500, 1500, 4000, 20000):
        for _ in range(60):
            a.sendto(bytes(size), to)
        show(f"{name} buffered {size}", len(drain(b)))
    b.setsockopt(socket.SOL_SOCKET, 40, 1)
    for _ in range(60):
        a.sendto(b"x", to)
    drain(b)
    a.sendto(b"last", to)
    wait_readable(b)
    show(f"{name} overflow told", [(l, t) for l, t, c in b.recvmsg(9, 64)[1]])
    show(f"{name} shutdown", (attempt(b.shutdown, socket.SHUT_RDWR), attempt(a.shutdown, socket.SHUT_WR)))
    a.connect(to)
    show(f"{name} shutdown connected", (attempt(a.shutdown, socket.SHUT_WR), attempt(a.send, b"x"), mask(a), attempt(a.shutdown, socket.SHUT_RD), attempt(a.recv, 9), mask(a)))

for family, protocol in ((socket.AF_INET, 1), (socket.AF_INET6, 58)):
    show(f"ping {family}", result(socket.socket, family, socket.SOCK_DGRAM, protocol))
    show(f"raw {family}", result(socket.socket, family, socket.SOCK_RAW, protocol))
