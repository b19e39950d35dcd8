"""What every oracle script shares. A script makes socket calls and prints what came back; run on Linux and under weir, the two
outputs must be equal, line by line. Nothing that may differ between two runs on Linux (ports, cookies, times) is printed. Started by root, a script goes on as nobody, so that
root's machine and a user's answer alike; ORACLE_PRIVILEGED keeps root's capabilities."""
import errno
import os
import select
import socket
import struct
import sys
import time

if os.geteuid() == 0 and not os.environ.get("ORACLE_PRIVILEGED"):
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

LO4, LO6 = "127.0.0.1", "::1"
EVENTS = [("IN", select.EPOLLIN), ("PRI", select.EPOLLPRI), ("OUT", select.EPOLLOUT), ("ERR", select.EPOLLERR),
          ("HUP", select.EPOLLHUP), ("RDHUP", select.EPOLLRDHUP)]


def name_of(number):
    return errno.errorcode.get(number, str(number))


def show(label, value):
    print(f"{label}: {value}", flush=True)


def attempt(call, *args):
    """The call's result, or the name of its errno."""
    try:
        return call(*args)
    except OSError as e:
        return name_of(e.errno)
    except (BlockingIOError, InterruptedError) as e:
        return name_of(e.errno)


def result(call, *args):
    """As attempt, with objects made printable: a socket is 'socket'."""
    r = attempt(call, *args)
    if isinstance(r, socket.socket):
        r.close()
        return "socket"
    if isinstance(r, tuple) and r and isinstance(r[0], socket.socket):
        r[0].close()
        return "accepted"
    return r


def mask(sock, wait_ms=0):
    """The readiness that poll shows now, as names."""
    p = select.poll()
    p.register(sock, select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLRDHUP)
    found = p.poll(wait_ms)
    bits = found[0][1] if found else 0
    return "+".join(n for n, b in EVENTS if bits & b) or "none"


def settled_mask(sock, wanted=None, limit_s=2.0):
    """The mask once it is `wanted`, or what it is after limit_s: for what a peer causes."""
    end = time.monotonic() + limit_s
    while True:
        now = mask(sock)
        if now == wanted or time.monotonic() > end:
            return now
        time.sleep(0.005)


def listener(family=socket.AF_INET, backlog=16, **options):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind((LO6 if family == socket.AF_INET6 else LO4, 0))
    s.listen(backlog)
    return s


def pair(family=socket.AF_INET):
    """A connected TCP pair: (client, server)."""
    with listener(family) as l:
        c = socket.socket(family, socket.SOCK_STREAM)
        c.connect(l.getsockname())
        s, _ = l.accept()
    return c, s


def wait_readable(sock, limit_s=2.0):
    return bool(select.select([sock], [], [], limit_s)[0])


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
