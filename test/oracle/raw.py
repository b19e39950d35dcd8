"""Raw and ping sockets: what comes in, what the kernel fills in, options, errors."""
from oracle import *


def make(family, kind, protocol):
    try:
        s = socket.socket(family, kind, protocol)
    except OSError as e:
        show(f"no {family} {kind} {protocol}", name_of(e.errno))
        sys.exit(0)
    s.setblocking(False)
    return s


def drain(s, cut=0):
    got = []
    while wait_readable(s, 0.05):
        data = attempt(s.recvfrom, 2000)
        if isinstance(data, str):
            return got + [data]
        packet = bytearray(data[0])
        if cut and len(packet) > cut:  # the IPv4 header's id and checksum differ from run to run
            packet[4:6] = packet[10:12] = b"\0\0"
        got.append((bytes(packet).hex(), data[1][0]))
    return got


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!H", ~total & 0xffff)


def echo(kind, number=1, identifier=7):
    body = struct.pack("!BBHHH", kind, 0, 0, identifier, number) + b"payload."
    return body[:2] + checksum(body) + body[4:]


icmp = make(socket.AF_INET, socket.SOCK_RAW, 1)
icmp.sendto(echo(8), (LO4, 0))
show("icmp", drain(icmp, 20))
icmp.setsockopt(255, 1, struct.pack("I", 0xffffffff ^ 1))
icmp.sendto(echo(8), (LO4, 0))
show("icmp filtered", drain(icmp, 20))
show("filter", attempt(icmp.getsockopt, 255, 1, 8))
one, two = make(socket.AF_INET, socket.SOCK_RAW, 200), make(socket.AF_INET, socket.SOCK_RAW, 200)
two.bind(("127.0.0.2", 0))
show("names", (one.getsockname(), two.getsockname(), attempt(one.getpeername)))
one.sendto(b"data", (LO4, 5))
show("to all", (drain(one, 20), drain(two, 20)))
one.sendto(b"data", ("127.0.0.2", 5))
show("to the second", (drain(one, 20), drain(two, 20)))
one.connect((LO4, 0))
show("connected", (one.getsockname(), attempt(one.getpeername), attempt(one.send, b"x"), drain(one, 20)))
show("bind again", attempt(two.bind, (LO4, 0)))
show("bind foreign", attempt(make(socket.AF_INET, socket.SOCK_RAW, 200).bind, ("192.0.2.1", 0)))
show("bind group", attempt(make(socket.AF_INET, socket.SOCK_RAW, 200).bind, ("224.0.0.1", 0)))
show("filter elsewhere", attempt(two.setsockopt, 255, 1, bytes(4)))
show("too big", attempt(two.sendto, bytes(65536), (LO4, 0)))
show("largest", (attempt(two.sendto, bytes(65516), (LO4, 0)), attempt(two.sendto, bytes(65515), (LO4, 0))))
show("oob", attempt(two.sendto, b"x", socket.MSG_OOB, (LO4, 0)))
show("nobody", attempt(make(socket.AF_INET, socket.SOCK_RAW, 201).send, b"x"))
own = make(socket.AF_INET, socket.SOCK_RAW, 255)
listen = make(socket.AF_INET, socket.SOCK_RAW, 202)
header = struct.pack("!BBHHHBBH4s4s", 0x45, 4, 0, 0, 0, 9, 202, 0, bytes(4), socket.inet_aton(LO4))
show("own header", (attempt(own.sendto, header + b"abc", (LO4, 0)), drain(listen, 20)))
show("own short", attempt(own.sendto, header[:19], (LO4, 0)))
show("own long ihl", attempt(own.sendto, b"\x4f" + header[1:], (LO4, 0)))
show("own read", drain(own))
show("included", (own.getsockopt(0, 3), listen.getsockopt(0, 3), attempt(listen.setsockopt, 0, 3, 1), attempt(listen.sendto, header + b"def", (LO4, 0)), drain(listen, 20)))
icmp6 = make(socket.AF_INET6, socket.SOCK_RAW, 58)
icmp6.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"payload.", (LO6, 0))
show("icmp6", drain(icmp6))
icmp6.setsockopt(58, 1, bytes(16) + struct.pack("I", 1) + bytes(12))
icmp6.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"payload.", (LO6, 0))
show("icmp6 filtered", drain(icmp6))
for offset in (-1, 0, 2, 3, 100):
    six = make(socket.AF_INET6, socket.SOCK_RAW, 200)
    show(f"checksum {offset}", (attempt(six.setsockopt, 41, 7, offset), six.getsockopt(41, 7), attempt(six.sendto, b"12345678", (LO6, 0)), drain(six)))
show("icmp6 checksum option", (attempt(icmp6.setsockopt, 41, 7, 2), attempt(icmp6.getsockopt, 41, 7), attempt(icmp6.setsockopt, 255, 7, 4)))
show("six port names the protocol", (attempt(six.sendto, b"x", (LO6, 200)), attempt(six.sendto, b"x", (LO6, 201)), attempt(six.sendto, b"x", (LO6, 300))))
show("six mapped", (attempt(six.bind, ("::ffff:127.0.0.1", 0)), attempt(six.connect, ("::ffff:127.0.0.1", 0))))
with open("/proc/sys/net/ipv4/ping_group_range", "w") as f:
    f.write("0 0")
for family, kind, to in ((socket.AF_INET, 8, LO4), (socket.AF_INET6, 128, LO6)):
    ping = make(family, socket.SOCK_DGRAM, 1 if kind == 8 else 58)
    show(f"ping bind {to}", (attempt(ping.bind, (to, 300)), ping.getsockname()[:2], attempt(make(family, socket.SOCK_DGRAM, 1 if kind == 8 else 58).bind, (to, 300))))
    show(f"ping {to}", (attempt(ping.sendto, echo(kind), (to, 0)), [(p[0][:4] + p[0][8:], p[1]) for p in drain(ping)]))
    show(f"ping bad {to}", (attempt(ping.sendto, echo(kind)[:7], (to, 0)), attempt(ping.sendto, echo(kind + 1), (to, 0)), attempt(ping.send, echo(kind)), attempt(ping.sendto, echo(kind), socket.MSG_OOB, (to, 0))))
    show(f"ping shutdown {to}", (attempt(ping.connect, (to, 0)), attempt(ping.shutdown, socket.SHUT_RD), mask(ping), attempt(ping.recv, 9)))
