"""TCP Fast Open: its options, sysctls and errors; and over loopback, where root may allow a server it, data in a SYN."""
from oracle import *

TCP, FASTOPEN, CONNECT, KEY, NO_COOKIE, INFO, DEFER_ACCEPT = socket.IPPROTO_TCP, 23, 30, 33, 34, 11, 9
MSG_FASTOPEN = 0x20000000


def sysctl(name, value=None):
    """Its text, or what writing gives."""
    try:
        fd = os.open(f"/proc/sys/net/ipv4/{name}", os.O_RDONLY if value is None else os.O_WRONLY)
    except OSError as e:
        return name_of(e.errno)
    try:
        return os.read(fd, 200).decode().strip() if value is None else attempt(os.write, fd, value.encode())
    finally:
        os.close(fd)


def told(sock):
    """What TCP_INFO says of Fast Open: data in the SYN taken, a child of it, why not."""
    i = sock.getsockopt(TCP, INFO, 280)
    return f"options {i[5] & 0xa0:#x} failure {i[7] >> 1 & 3} delivered {struct.unpack_from('I', i, 192)[0]}"


show("key mode", oct(os.stat("/proc/sys/net/ipv4/tcp_fastopen_key").st_mode))
show("defaults", (sysctl("tcp_fastopen"), sysctl("tcp_fastopen_blackhole_timeout_sec"), sysctl("tcp_no_metrics_save"),
                  sysctl("tcp_no_ssthresh_metrics_save")))

s = socket.socket()
for option in (FASTOPEN, CONNECT, NO_COOKIE):
    show(f"option {option} at first", s.getsockopt(TCP, option))
    for value in (-1, 0, 1, 2, 1000000):
        show(f"option {option} {value}", (attempt(s.setsockopt, TCP, option, value), s.getsockopt(TCP, option)))
show("no key", s.getsockopt(TCP, KEY, 64))
for size in (0, 3, 4, 15, 16, 17, 31, 32, 33):
    show(f"key of {size}", (attempt(s.setsockopt, TCP, KEY, bytes(range(size))), s.getsockopt(TCP, KEY, 64).hex()))
for room in (4, 16, 31):
    show(f"key into {room}", s.getsockopt(TCP, KEY, room).hex())

with listener() as l:
    l.setsockopt(TCP, FASTOPEN, 7)
    l.setsockopt(TCP, NO_COOKIE, 1)
    l.setsockopt(TCP, KEY, bytes(16))
    l.setsockopt(TCP, DEFER_ACCEPT, 3)
    show("listener connects", attempt(l.setsockopt, TCP, CONNECT, 1))
    show("listener sends", attempt(l.sendto, b"x", MSG_FASTOPEN, l.getsockname()))
    c = socket.socket()
    show("to nowhere", attempt(c.send, b"x", MSG_FASTOPEN))
    c.connect(l.getsockname())
    c.send(b"x")
    d = l.accept()[0]
    show("child", [d.getsockopt(TCP, o) for o in (FASTOPEN, CONNECT, NO_COOKIE, DEFER_ACCEPT)] + [d.getsockopt(TCP, KEY, 64)])
    show("child sets", [attempt(d.setsockopt, TCP, o, 1) for o in (FASTOPEN, CONNECT, NO_COOKIE)] + [attempt(d.setsockopt, TCP, KEY, bytes(16))])
    show("connected", [attempt(c.sendto, b"x", MSG_FASTOPEN, l.getsockname()), attempt(c.send, b"x", MSG_FASTOPEN)])
    c.close()
    d.close()

with listener() as l:
    c = socket.socket()
    c.setsockopt(TCP, CONNECT, 1)
    show("without a cookie it connects", attempt(c.connect, l.getsockname()))
    show("as asked for", (attempt(c.send, b"x", MSG_FASTOPEN), attempt(c.send, b"x")))
    l.accept()[0].close()
    c.close()
    c = socket.socket()
    c.setblocking(False)
    show("nonblocking", attempt(c.connect, l.getsockname()))
    settled_mask(c, "OUT")
    show("then", [attempt(c.sendto, b"x", MSG_FASTOPEN, l.getsockname()) for _ in range(2)])
    l.accept()[0].close()
    c.close()
    c = socket.socket()
    show("blocking, all", (attempt(c.sendto, b"hello", MSG_FASTOPEN, l.getsockname()), told(c)))
    d = l.accept()[0]
    show("received", d.recv(10))
    show("server", told(d))
    c.close()
    d.close()
    c = socket.socket()
    show("nothing to say", (attempt(c.sendto, b"", MSG_FASTOPEN, l.getsockname()), attempt(c.send, b"abc")))
    d = l.accept()[0]
    show("received", d.recv(10))
    c.close()
    d.close()
show("datagram", attempt(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b"x", MSG_FASTOPEN, (LO4, 9)))
c = socket.socket()
show("refused", attempt(c.sendto, b"x", MSG_FASTOPEN, (LO4, 1)))

if not os.environ.get("ORACLE_PRIVILEGED"):
    show("not allowed", (sysctl("tcp_fastopen_key"), sysctl("tcp_fastopen", "3")))
    sys.exit(0)

for text in ("-1", "0x70403", "2147483648", "1"):
    show(f"tcp_fastopen {text}", (sysctl("tcp_fastopen", text), sysctl("tcp_fastopen")))
for text in ("-1", "5", "0"):
    show(f"blackhole {text}", (sysctl("tcp_fastopen_blackhole_timeout_sec", text), sysctl("tcp_fastopen_blackhole_timeout_sec")))
for text in ("-1", "1", "256", "0"):
    show(f"no metrics {text}", (sysctl("tcp_no_metrics_save", text), sysctl("tcp_no_metrics_save")))
for text in ("0", "2", "1"):
    show(f"no ssthresh {text}", (sysctl("tcp_no_ssthresh_metrics_save", text), sysctl("tcp_no_ssthresh_metrics_save")))
for text in ("1-2-3-4", "1-2-3-4,5-6-7-8", "1-2-3", "x", "1-2-3-4,", "00000001-00000002-00000003-00000004 junk", "1-2-3-4-5", " 1-2-3-4", "0x1-2-3-4",
             "123456789-2-3-4", "-1-2-3-4", "1- 2-3-4", "1-2-3-4,5-6-7-8,9-1-2-3", "1--2-3-4", "1-2-3-4\n5", "g-1-1-1", "1-2-3-0x"):
    show(f"key {text!r}", (sysctl("tcp_fastopen_key", text), sysctl("tcp_fastopen_key")))

for family in (socket.AF_INET, socket.AF_INET6):
    show("---", LO6 if family == socket.AF_INET6 else LO4)
    sysctl("tcp_fastopen", "0x403")
    l = listener(family)
    show("every listener", (l.getsockopt(TCP, FASTOPEN), attempt(l.listen, 3), l.getsockopt(TCP, FASTOPEN)))
    for turn in ("asks", "has it"):
        c = socket.socket(family)
        show(f"client {turn}", (attempt(c.sendto, b"hello", MSG_FASTOPEN, l.getsockname()), told(c)))
        d = l.accept()[0]
        show("server", (d.recv(10), told(d), attempt(d.send, b"hi")))
        show("client", c.recv(10))
        c.close()
        d.close()
    c = socket.socket(family)
    c.setsockopt(TCP, CONNECT, 1)
    show("deferred", (attempt(c.connect, l.getsockname()), attempt(lambda: bool(c.getpeername())), mask(c)))
    c.setblocking(False)
    show("nothing yet", (attempt(c.recv, 1), attempt(c.connect, l.getsockname()), c.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))
    show("an empty write", attempt(c.send, b""))
    settled_mask(c, "OUT")
    show("then", [attempt(c.sendto, b"x", MSG_FASTOPEN, l.getsockname()) for _ in range(2)])
    l.accept()[0].close()
    c.close()
    c = socket.socket(family)
    c.setsockopt(TCP, CONNECT, 1)
    c.connect(l.getsockname())
    show("shut before it began", (attempt(c.shutdown, socket.SHUT_WR), attempt(c.send, b"x", socket.MSG_NOSIGNAL)))
    c.close()
    c = socket.socket(family)
    c.setsockopt(TCP, CONNECT, 1)
    c.connect(l.getsockname())
    show("written", (attempt(c.send, b"deferred"), told(c)))
    d = l.accept()[0]
    show("server", (d.recv(10), told(d)))
    c.close()
    d.close()
    c = socket.socket(family)
    c.bind(("", 0))
    show("bound, urgent", attempt(c.sendto, b"hello", MSG_FASTOPEN | socket.MSG_OOB, l.getsockname()))
    d = l.accept()[0]
    c.close()
    d.close()
    l.close()
    c = socket.socket(family)
    show("gone", attempt(c.sendto, b"hello", MSG_FASTOPEN, (LO6 if family == socket.AF_INET6 else LO4, 1)))
    sysctl("tcp_fastopen", "0")
    show("off", (attempt(c.send, b"x", MSG_FASTOPEN), attempt(c.setsockopt, TCP, CONNECT, 1), attempt(c.setsockopt, TCP, CONNECT, 2)))
    c.close()
