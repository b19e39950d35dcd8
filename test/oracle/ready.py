"""epoll on sockets: level, edge, one-shot, exclusive, wake-ups by data, space, FIN, RST; and select."""
from oracle import *


def events(ep, wait_s=0.0, many=8):
    found = ep.poll(wait_s, many)
    return sorted("+".join(n for n, b in EVENTS if bits & b) for _, bits in found)


def gathered(ep):
    """What edges say in all: an end may be told in one event or in two."""
    bits, more = 0, ep.poll(1, 8)
    while more:
        for _, b in more:
            bits |= b
        more = ep.poll(0.05, 8)
    return "+".join(n for n, b in EVENTS if bits & b)


ET = select.EPOLLET
ALL = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLPRI
for family in (socket.AF_INET, socket.AF_INET6):
    c, d = pair(family)
    ep = select.epoll()
    ep.register(d, ALL | ET)
    show("et first", events(ep))
    show("et second", events(ep))
    c.send(b"abc")
    show("et data", events(ep, 1))
    show("et data again", events(ep))
    c.send(b"def")
    show("et more data", events(ep, 1))
    show("read part", d.recv(2))
    show("et after part", events(ep))
    ep.modify(d, ALL | ET)
    show("et after modify", events(ep))
    show("read rest", d.recv(100))
    show("et drained", events(ep))
    c.send(b"ghi")
    show("et data once more", events(ep, 1))
    d.recv(100)
    c.shutdown(socket.SHUT_WR)
    show("et fin", events(ep, 1))
    show("et fin again", events(ep))
    ep.modify(d, ALL)
    show("lt fin", events(ep))
    show("lt fin again", events(ep))
    d.close()
    show("closed leaves", events(ep))
    c, d = pair(family)
    ep.register(d, select.EPOLLIN | select.EPOLLONESHOT)
    c.send(b"1")
    show("oneshot", events(ep, 1))
    show("oneshot again", events(ep))
    ep.modify(d, select.EPOLLIN | select.EPOLLONESHOT)
    show("oneshot rearmed", events(ep))
    show("register twice", attempt(ep.register, d, select.EPOLLIN))
    ep.unregister(d)
    show("unregister twice", attempt(ep.unregister, d))
    d.setblocking(False)
    c.setblocking(False)
    ep.register(c, select.EPOLLOUT | ET)
    show("out first", events(ep))
    while not isinstance(attempt(c.send, b"x" * 65536), str):
        pass
    show("out full", events(ep))
    while wait_readable(d, 0.3):
        d.recv(1 << 20)
    show("out again", events(ep, 1))
    show("out only once", events(ep))
    ep.modify(c, ALL | ET)
    events(ep)
    reset(d)
    show("et reset", gathered(ep))
    show("et reset again", events(ep))
    with listener(family) as l:
        ep2 = select.epoll()
        ep2.register(l, select.EPOLLIN | ET)
        one, two = socket.create_connection(l.getsockname()[:2]), socket.create_connection(l.getsockname()[:2])
        show("listener et", events(ep2, 1))
        show("listener et again", events(ep2))
        l.accept()
        show("listener after accept", events(ep2))
        three = socket.create_connection(l.getsockname()[:2])
        show("listener third", events(ep2, 1))
    r, w, x = select.select([c], [c], [c], 0)
    show("select reset", (len(r), len(w), len(x)))
c, d = pair()
c.send(b"!", socket.MSG_OOB)
show("select oob", [len(v) for v in select.select([d], [], [d], 1)])
d.setblocking(False)
show("dup shares", (lambda e: (e.recv(1, socket.MSG_OOB), e.getblocking()))(d.dup()))
pid = os.fork()
if pid == 0:
    c.send(b"from the child")
    os._exit(0)
os.waitpid(pid, 0)
show("child sent", wait_readable(d) and d.recv(100))
c.close()
show("parent closed, child gone", settled_mask(d, "IN+OUT+RDHUP"))
