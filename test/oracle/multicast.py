"""Groups: joining and leaving by every option, source filters, who gets what, and control messages of datagrams."""
from oracle import *

IP, IP6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
G1, G2, LAN = socket.inet_aton("239.1.2.3"), socket.inet_aton("239.1.2.4"), socket.inet_aton("127.0.0.1")
G6 = socket.inet_pton(socket.AF_INET6, "ff12::9")
SOURCES = [socket.inet_aton(f"127.0.0.{n}") for n in (1, 2, 3)]


def udp(family=socket.AF_INET, bound=None):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setblocking(False)
    if bound:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(bound)
    return s


def mreqn(group, address=bytes(4), index=0):
    return group + address + struct.pack("i", index)


def option(s, level, name, value):
    return attempt(s.setsockopt, level, name, value)


def sockaddr(address, family=socket.AF_INET):
    if family == socket.AF_INET:
        return struct.pack("=HH4s", family, 0, address).ljust(128, b"\0")
    return struct.pack("=HHI16sI", family, 0, 0, address, 0).ljust(128, b"\0")


def group_req(group, index=1, source=None, family=socket.AF_INET):
    return struct.pack("=I4x", index) + sockaddr(group, family) + (sockaddr(source, family) if source else b"")


def mreq_source(group, source, interface=LAN):
    return group + interface + source


s = udp()
show("join lo", option(s, IP, 35, mreqn(G1, index=1)))
show("join again", option(s, IP, 35, mreqn(G1, index=1)))
show("join by address", option(s, IP, 35, mreqn(G1, LAN)[:8]))
show("join other by address", option(s, IP, 35, mreqn(G2, LAN)[:8]))
show("join without route", option(s, IP, 35, mreqn(socket.inet_aton("239.9.9.9"))))
show("join bad index", option(s, IP, 35, mreqn(G1, index=99)))
show("join unicast", option(s, IP, 35, mreqn(LAN, index=1)))
show("join short", option(s, IP, 35, G1))
show("leave", option(s, IP, 36, mreqn(G1, index=1)))
show("leave again", option(s, IP, 36, mreqn(G1, index=1)))
show("leave by address", option(s, IP, 36, mreqn(G2, LAN)))
show("leave unknown", option(s, IP, 36, mreqn(G2)))
for n in range(22):
    r = option(s, IP, 35, mreqn(bytes([239, 5, 0, n]), index=1))
    if r is not None:
        show("membership limit", (n, r))
        break
s = udp(socket.AF_INET6)
show("join6", option(s, IP6, 20, G6 + struct.pack("I", 1)))
show("join6 again", option(s, IP6, 20, G6 + struct.pack("I", 1)))
show("join6 any", option(s, IP6, 20, G6 + struct.pack("I", 0)))
show("join6 bad index", option(s, IP6, 20, G6 + struct.pack("I", 77)))
show("join6 unicast", option(s, IP6, 20, socket.inet_pton(socket.AF_INET6, "::1") + struct.pack("I", 1)))
show("join4 on 6", option(s, IP, 35, mreqn(G1, index=1)))
show("leave6", option(s, IP6, 21, G6 + struct.pack("I", 1)))
show("leave6 again", option(s, IP6, 21, G6 + struct.pack("I", 1)))
show("group_req6", option(s, IP6, 42, group_req(G6, family=socket.AF_INET6)))
show("group_req6 leave", option(s, IP6, 45, group_req(G6, family=socket.AF_INET6)))
show("group_req6 wrong family", option(s, IP6, 42, group_req(G1)))
t = socket.socket()
for name in (35, 36, 39, 42):
    show(f"stream {name}", option(t, IP, name, group_req(G1) if name == 42 else mreqn(G1, index=1)))

# Source filters.
s = udp()
show("block unjoined", option(s, IP, 38, mreq_source(G1, SOURCES[0])))
show("source join", option(s, IP, 39, mreq_source(G1, SOURCES[0])))
show("source join again", option(s, IP, 39, mreq_source(G1, SOURCES[0])))
show("source join second", option(s, IP, 39, mreq_source(G1, SOURCES[1])))
show("block while including", option(s, IP, 38, mreq_source(G1, SOURCES[2])))
show("source drop", option(s, IP, 40, mreq_source(G1, SOURCES[0])))
show("source drop unknown", option(s, IP, 40, mreq_source(G1, SOURCES[0])))
show("source drop last", option(s, IP, 40, mreq_source(G1, SOURCES[1])))
show("then leave", option(s, IP, 36, mreqn(G1, LAN)))
show("mcast join", option(s, IP, 42, group_req(G1)))
show("mcast block", option(s, IP, 43, group_req(G1, source=SOURCES[1])))
show("mcast block again", option(s, IP, 43, group_req(G1, source=SOURCES[1])))
show("mcast unblock", option(s, IP, 44, group_req(G1, source=SOURCES[1])))
show("mcast unblock unknown", option(s, IP, 44, group_req(G1, source=SOURCES[1])))
show("mcast leave source", option(s, IP, 47, group_req(G1, source=SOURCES[1])))
show("mcast leave", option(s, IP, 45, group_req(G1)))
for n in range(12):
    r = option(s, IP, 46, group_req(G1, source=bytes([127, 0, 1, n])))
    if r is not None:
        show("source limit", (n, r))
        break


def deliver(port, *senders):
    """Which of the senders' datagrams arrive."""
    got = []
    for source in senders:
        f = udp(bound=(socket.inet_ntoa(source), 0))
        f.setsockopt(IP, 32, mreqn(G1, index=1))
        f.sendto(source, (socket.inet_ntoa(G1), port))
        f.close()
    while wait_readable(r, 0.05):
        got.append(socket.inet_ntoa(r.recv(9)))
    return got


r = udp(bound=("", 7001))
show("not joined", deliver(7001, *SOURCES))
r.setsockopt(IP, 49, 0)
show("not joined, not all", deliver(7001, *SOURCES))
r.setsockopt(IP, 35, mreqn(G1, index=1))
show("joined", deliver(7001, *SOURCES))
r.setsockopt(IP, 38, mreq_source(G1, SOURCES[1]))
show("one blocked", deliver(7001, *SOURCES))
r.setsockopt(IP, 36, mreqn(G1, index=1))
r.setsockopt(IP, 39, mreq_source(G1, SOURCES[2]))
show("one wanted", deliver(7001, *SOURCES))
other = udp(bound=(socket.inet_ntoa(G1), 7001))
other.setsockopt(IP, 35, mreqn(G1, index=1))
deliver(7001, SOURCES[2])
show("bound to the group", attempt(other.recv, 9))
f = udp()
f.setsockopt(IP, 32, mreqn(G1, index=1))
show("multicast if", f.getsockopt(IP, 32, 4))
f.setsockopt(IP, 32, LAN)
show("multicast if by address", f.getsockopt(IP, 32, 4))
show("multicast if unknown", option(f, IP, 32, socket.inet_aton("192.0.2.7")))

# Control messages.
for family, to in ((socket.AF_INET, LO4), (socket.AF_INET6, LO6)):
    r, f = udp(family, (to, 7002)), udp(family)
    wants = [(IP, 8), (IP, 12), (IP, 13), (IP, 20)] if family == socket.AF_INET else [(IP6, 49), (IP6, 51), (IP6, 66), (IP6, 74), (IP6, 2), (IP6, 8)]
    for level, name in wants:
        r.setsockopt(level, name, 1)
    f.sendto(b"x", (to, 7002))
    wait_readable(r)
    data, control, flags, _ = r.recvmsg(9, 512)
    show(f"{family} control", [(l, t, c.hex()) for l, t, c in control])
    f.sendto(b"y", (to, 7002))
    wait_readable(r)
    data, control, flags, _ = r.recvmsg(9, socket.CMSG_SPACE(12))
    show(f"{family} short control", ([(l, t, c.hex()) for l, t, c in control], flags & ~socket.MSG_CMSG_CLOEXEC))
    good = [(IP, socket.IP_TTL, 7), (IP, socket.IP_TOS, 16), (IP, 8, bytes(12))] if family == socket.AF_INET else \
        [(IP6, socket.IPV6_HOPLIMIT, 7), (IP6, socket.IPV6_TCLASS, 16), (IP6, socket.IPV6_PKTINFO, bytes(20)), (IP6, socket.IPV6_DONTFRAG, 1)]
    bad = [(IP, socket.IP_TTL, 0), (IP, socket.IP_TTL, 256), (IP, socket.IP_TOS, 256), (IP, 99, 1), (IP, 8, bytes(4))] if family == socket.AF_INET \
        else [(IP6, socket.IPV6_HOPLIMIT, 256), (IP6, socket.IPV6_TCLASS, -2), (IP6, 99, 1), (IP6, socket.IPV6_PKTINFO, bytes(4)),
              (IP6, socket.IPV6_PKTINFO, bytes(16) + struct.pack("I", 99)), (IP6, socket.IPV6_DONTFRAG, 2)]
    for level, name, value in good + bad + [(socket.SOL_SOCKET, 99, 1), (socket.SOL_SOCKET, socket.SO_MARK, 5), (17, 103, struct.pack("H", 500)), (17, 99, 1), (200, 1, 1)]:
        c = [(level, name, value if isinstance(value, bytes) else struct.pack("i", value))]
        show(f"{family} send {level} {name} {value}", attempt(f.sendmsg, [b"z"], c, 0, (to, 7002)))
