"""bind() and listen(): addresses, ports, conflicts with every mix of SO_REUSEADDR, SO_REUSEPORT and families."""
import itertools

from oracle import *


def make(family=socket.AF_INET, kind=socket.SOCK_STREAM, reuse=0, port=0, v6only=None):
    s = socket.socket(family, kind)
    if reuse:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if port:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if v6only is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    return s


s = make()
show("bind foreign", attempt(s.bind, ("192.0.2.1", 0)))
show("bind 0", attempt(s.bind, ("127.0.0.1", 0)))
show("bind again", attempt(s.bind, ("127.0.0.1", 0)))
show("range", 32768 <= s.getsockname()[1] <= 60999)
show("loopback net", attempt(make().bind, ("127.9.9.9", 0)))
show("broadcast tcp", attempt(make().bind, ("255.255.255.255", 0)))
show("multicast tcp", attempt(make().bind, ("224.0.0.1", 0)))
show("broadcast udp", attempt(make(kind=socket.SOCK_DGRAM).bind, ("255.255.255.255", 0)))
show("multicast udp", attempt(make(kind=socket.SOCK_DGRAM).bind, ("224.0.0.1", 0)))
show("v6 foreign", attempt(make(socket.AF_INET6).bind, ("2001:db8::1", 0)))
show("v6 linklocal no scope", attempt(make(socket.AF_INET6).bind, ("fe80::1", 0)))
show("v6 mapped", attempt(make(socket.AF_INET6).bind, ("::ffff:127.0.0.1", 0)))
show("v6 mapped v6only", attempt(make(socket.AF_INET6, v6only=1).bind, ("::ffff:127.0.0.1", 0)))
show("v6 multicast tcp", attempt(make(socket.AF_INET6).bind, ("ff02::1", 0)))

ADDRESSES = [(socket.AF_INET, "0.0.0.0", None), (socket.AF_INET, "127.0.0.1", None), (socket.AF_INET, "127.0.0.2", None),
             (socket.AF_INET6, "::", 0), (socket.AF_INET6, "::", 1), (socket.AF_INET6, "::1", 0), (socket.AF_INET6, "::ffff:127.0.0.1", 0)]
port = 20000
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for (a, b) in itertools.product(ADDRESSES, ADDRESSES):
        line = []
        for reuse1, rp1, reuse2, rp2, listening in itertools.product((0, 1), (0, 1), (0, 1), (0, 1), (0, 1)):
            if listening and kind == socket.SOCK_DGRAM:
                continue
            port = port + 1 if port < 30000 else 20000
            one, two = make(a[0], kind, reuse1, rp1, a[2]), make(b[0], kind, reuse2, rp2, b[2])
            one.bind((a[1], port))
            if listening:
                one.listen(1)
            line.append("ok" if attempt(two.bind, (b[1], port)) is None else "IN-USE")
            one.close()
            two.close()
        show(f"{kind!r} {a[1]}/{a[2]} then {b[1]}/{b[2]}", "".join("+" if x == "ok" else "-" for x in line))

one, two = make(reuse=1), make(reuse=1)
one.bind((LO4, 30001)); two.bind((LO4, 30001))
show("listen first", attempt(one.listen, 1))
show("listen second", attempt(two.listen, 1))
s = make(kind=socket.SOCK_DGRAM)
show("listen udp", attempt(s.listen, 1))
c, d = pair()
show("listen connected", attempt(c.listen, 1))
show("bind connected", attempt(c.bind, (LO4, 0)))
s = make()
show("listen unbound", attempt(s.listen, 5))
show("autobound", 32768 <= s.getsockname()[1] <= 60999)
show("listen twice", attempt(s.listen, 50))
show("bind listening", attempt(s.bind, (LO4, 0)))
show("connect listening", attempt(s.connect, (LO4, 9)))
show("accept not listening", attempt(make().accept))
