"""What comes beside the data: control messages of the error queue, of fragments, of sends that do not fit, of MSG_ZEROCOPY."""
from oracle import *
import fcntl

IP, IPV6, SOCKET, UDP = 0, 41, 1, 17
ALL4 = {"pktinfo": 8, "ttl": 12, "tos": 13, "opts": 6, "retopts": 7, "origdst": 20, "fragsize": 25}
ALL6 = {"pktinfo": 49, "hoplimit": 51, "tclass": 66, "origdst": 74, "fragsize": 77, "2292pktinfo": 2, "2292hoplimit": 8}
SHORTENED = {(SOCKET, n) for n in (29, 35, 37, 63, 64, 65)}  # times
ZEROCOPY = 0x4000000
IS_ROOT = os.geteuid() == 0


def told(control):
    return [(level, kind, len(data) if (level, kind) in SHORTENED else data.hex()) for level, kind, data in control]


def taken(s, flags=0, size=70000):
    """One message: its length, control data, flags and the sender's host."""
    if not flags:
        wait_readable(s, 0.2)
    r = attempt(s.recvmsg, size, 4000, flags | socket.MSG_DONTWAIT)
    return r if isinstance(r, str) else (len(r[0]), told(r[1]), r[2] & ~socket.MSG_CMSG_CLOEXEC, r[3][0] if r[3] else None)


def errors(s):
    got = []
    while not got or not isinstance(got[-1], str):
        got.append(taken(s, socket.MSG_ERRQUEUE, 30))
    return got


def udp(family):
    s = socket.socket(family, socket.SOCK_DGRAM)
    for option in ALL4.values():
        s.setsockopt(IP, option, 1)
    if family == socket.AF_INET6:
        for option in ALL6.values():
            s.setsockopt(IPV6, option, 1)
    return s


CLOSED_PORT = 9


for family, host in ((socket.AF_INET, LO4), (socket.AF_INET6, LO6), (socket.AF_INET6, "::ffff:127.0.0.1")):
    for payload in (b"hello", b"hey", b"", bytes(100)):
        s = udp(family)
        s.setsockopt(IP, 11, 1)
        if family == socket.AF_INET6:
            s.setsockopt(IPV6, 25, 1)
        s.setsockopt(SOCKET, 29, 1)
        s.sendto(payload, (host, CLOSED_PORT))
        show(f"refused {host} {len(payload)}", errors(s))
    r = udp(family)
    r.bind((host, 0))
    s = socket.socket(family, socket.SOCK_DGRAM)
    to = r.getsockname()
    for size in (1232, 1233, 3000):
        s.sendto(bytes(size), to)
        show(f"whole {host} {size}", [(l, t) for l, t, _ in taken(r)[1]])
    for value in (0, 6, 7):
        show(f"priority {host} {value}", attempt(s.sendmsg, [b"x"], [(SOCKET, 12, struct.pack("i", value))], 0, to))
    show(f"priority {host} short", attempt(s.sendmsg, [b"x"], [(SOCKET, 12, b"xy")], 0, to))
    r.setsockopt(SOCKET, 82, 1)
    while wait_readable(r, 0.05):
        r.recv(9)
    attempt(s.sendmsg, [b"x"], [(SOCKET, 12, struct.pack("i", 5))], 0, to)
    show(f"priority {host} seen", [m for m in taken(r)[1] if m[0] == SOCKET])

# IPV6_MTU, and IPV6_RECVPATHMTU where the data may not be cut.
r = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
r.bind((LO6, 0))
for mtu in (0, 1279, 1280, 1400, 70000):
    for option, value in ((23, 0), (23, 2), (62, 1)):
        for listens in (False, True):
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            s.setsockopt(IPV6, 60, listens)
            s.setsockopt(IPV6, 25, listens)
            told_set = result(s.setsockopt, IPV6, 24, mtu), attempt(s.setsockopt, IPV6, option, value)
            sent = [attempt(s.sendto, bytes(size), r.getsockname()) for size in (1232, 1233, 1353, 3000)]
            show(f"mtu {mtu} {option}={value} {listens}", (told_set, sent, [taken(s), taken(s)], errors(s)))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(IPV6, 60, 1)
s.setsockopt(IPV6, 24, 1280)
show("dontfrag as control", (attempt(s.sendmsg, [bytes(1300)], [(IPV6, 62, struct.pack("i", 1))], 0, r.getsockname()), taken(s)))
s.connect(r.getsockname())
show("mtu shown", attempt(s.getsockopt, IPV6, 24))

# MSG_ZEROCOPY: over loopback Linux copies, and says so.
for family, host in ((socket.AF_INET, LO4), (socket.AF_INET6, LO6)):
    r, s = udp(family), socket.socket(family, socket.SOCK_DGRAM)
    r.bind((host, 0))
    show(f"zerocopy {host} off", (attempt(s.sendto, b"x", ZEROCOPY, r.getsockname()), errors(s)))
    s.setsockopt(SOCKET, 60, 1)
    for size in (0, 1, 100, 30000):
        attempt(s.sendto, bytes(size), ZEROCOPY, r.getsockname())
        wait_readable(r)
        attempt(r.recv, 65000)
    attempt(s.sendto, b"plain", r.getsockname())
    time.sleep(0.05)
    show(f"zerocopy {host}", errors(s))
    l = listener(family)
    c = socket.socket(family)
    c.connect(l.getsockname())
    a = l.accept()[0]
    c.setsockopt(SOCKET, 60, 1)
    for size in (1, 0, 5000):
        attempt(c.send, bytes(size), ZEROCOPY)
    wait_readable(a)
    time.sleep(0.05)
    a.recv(10000)
    show(f"zerocopy stream {host}", (errors(c), attempt(c.send, b"x", ZEROCOPY)))
    time.sleep(0.05)
    show(f"zerocopy stream {host} more", errors(c))

# Times of a stream: of the last bytes read.
c, a = pair()
for option, value in ((29, 1), (35, 1), (63, 1), (29, 0), (37, 0x18)):
    a.setsockopt(SOCKET, option, value)
    time.sleep(0.1)  # Linux begins to stamp a little later
    c.send(b"x")
    wait_readable(a)
    show(f"stream times {option}={value}", (taken(a, socket.MSG_PEEK), taken(a)))

if IS_ROOT:
    # RFC 4884: extensions behind the quoted datagram.
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)

    def inet_sum(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        return ~total & 0xffff

    def sealed(data, at):
        return data[:at] + struct.pack("!H", inet_sum(data)) + data[at + 2:]

    good = sealed(struct.pack("!BBHHBB4s", 0x20, 0, 0, 8, 1, 1, b"abcd"), 2)
    for kind, code in ((11, 0), (3, 13), (12, 0)):
        for label, words, extension in (("good", 32, good), ("no length", 0, good), ("bad sum", 32, good[:-1] + b"x"), ("other version", 32, b"\x10" + good[1:]),
                                        ("object too long", 32, sealed(struct.pack("!BBHHBB", 0x20, 0, 0, 9, 1, 1), 2)), ("short", 31, good), ("none", 32, b""), ("cut", 32, b"\x20\0\0\0\0")):
            for on in (0, 1):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.setsockopt(IP, 11, 1)
                s.setsockopt(IP, 26, on)
                s.bind((LO4, 0))
                s.connect((LO4, 9))
                quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 128, 1, 0, 64, 17, 0, *[socket.inet_aton(LO4)] * 2) + struct.pack("!HHHH", s.getsockname()[1], 9, 108, 0)
                message = struct.pack("!BBHBBH", kind, code, 0, 0, words, 0) + quoted.ljust(128, b"q") + extension
                message += bytes(len(message) % 2)
                raw.sendto(sealed(message, 2), (LO4, 0))
                time.sleep(0.01)
                show(f"extensions {kind} {label} {on}", errors(s))
    # Fragments: the loopback with a short MTU.
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    show("short mtu", attempt(fcntl.ioctl, control, 0x8922, struct.pack("16si12x", b"lo", 1500)) != "EPERM")
    for family, host in ((socket.AF_INET, LO4), (socket.AF_INET6, LO6), (socket.AF_INET6, "::ffff:127.0.0.1")):
        for mtu in (0, 1300):
            r, s = udp(family), socket.socket(family, socket.SOCK_DGRAM)
            r.bind((host, 0))
            if family == socket.AF_INET6:
                s.setsockopt(IPV6, 24, mtu)
            for size in (100, 1400, 1500, 4000):
                s.sendto(bytes(size), r.getsockname())
                got = taken(r)
                show(f"fragments {host} {mtu} {size}", (got[0], [m for m in got[1] if m[:2] in ((IP, 25), (IPV6, 77))]))

# Every control message a sender may give, with good and bad values: its errno, and that the datagram goes.
SENT = {"SOCKET": (1, (1, 2, 12, 29, 35, 36, 37, 61, 65, 81)), "IP": (0, range(0, 60)), "IPV6": (41, range(0, 82)), "UDP": (17, (0, 1, 100, 101, 102, 103, 104)), "other": (99, (1,))}
VALUES = (b"", b"\1", struct.pack("i", 0), struct.pack("i", 1), struct.pack("i", -1), struct.pack("i", 255), struct.pack("i", 256), struct.pack("ii", 1, 0),
          bytes(12), struct.pack("i", 1) + bytes(8), struct.pack("i", 77) + bytes(8), bytes(20), bytes(16) + b"\1\0\0\0", bytes(16) + b"\x4d\0\0\0", bytes(24))
SENDERS = [("udp4", socket.AF_INET, socket.SOCK_DGRAM, 0), ("udp6", socket.AF_INET6, socket.SOCK_DGRAM, 0), ("mapped", socket.AF_INET6, socket.SOCK_DGRAM, 0)]
if IS_ROOT:
    SENDERS += [("raw4", socket.AF_INET, socket.SOCK_RAW, 200), ("raw6", socket.AF_INET6, socket.SOCK_RAW, 200)]
for label, family, kind, protocol in SENDERS:
    host = {"udp4": LO4, "raw4": LO4, "mapped": "::ffff:127.0.0.1"}.get(label, LO6)
    r = socket.socket(family, kind, protocol)
    r.bind((host, 0))
    to = r.getsockname() if kind == socket.SOCK_DGRAM else (host, 0)
    for level_name, (level, kinds) in SENT.items():
        for kind_of in kinds:
            s = socket.socket(family, kind, protocol)
            show(f"sent {label} {level_name} {kind_of}", [attempt(s.sendmsg, [b"data"], [(level, kind_of, value)], 0, to) for value in VALUES])
            s.close()
            while wait_readable(r, 0):
                r.recv(100)
