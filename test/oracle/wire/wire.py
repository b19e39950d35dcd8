"""A peer made of single segments, and the two stacks it may stand opposite: this kernel behind a TUN, a weir machine behind
a TAP. The program under test is agent.py on that stack. Both addresses are in 10.99.0.0/24."""
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OURS, PEER = "10.99.0.1", "10.99.0.2"
F, S, R, P, A, U, E, C = 1, 2, 4, 8, 16, 32, 64, 128
FULL = b"\2\4\5\xb4\4\2\x08\x0a\0\0\0\x63\0\0\0\0\1\3\3\7"  # MSS, SACK, timestamp, window scale
# Whether two packets' buffers could be made one is the device's matter; weir's queue keeps them.
NOT_COMPARED = {"TCPRcvCoalesce"}
# Timers run in real time. None of these may fire within a section, however busy the machine: no retransmissions and probes but
# the first SYN's, after a second; and no answer is allowed again after a while.
# 3.5 of the first must stay under a minute, where FIN-WAIT-2 ends otherwise.
STILL = {"tcp_rto_min_us": 10000000, "tcp_early_retrans": 0, "tcp_invalid_ratelimit": 1000000}
LIMIT_S = 60


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def segment(sport, dport, seq, ack, flags, data, options, window):
    source, destination = socket.inet_aton(PEER), socket.inet_aton(OURS)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options + data
    tcp = tcp[:16] + struct.pack("!H", checksum(source + destination + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)) + tcp[18:]
    return ip_packet(6, tcp)


def ip_packet(protocol, body):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0, socket.inet_aton(PEER), socket.inet_aton(OURS))
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + body


def echo(number):
    icmp = struct.pack("!BBHHH", 8, 0, 0, 99, number & 0xffff)
    return ip_packet(1, icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:])


def is_echo_answer(ip, number):
    return ip[0] >> 4 == 4 and ip[9] == 1 and ip[20] == 0 and struct.unpack("!HH", ip[24:28]) == (99, number & 0xffff)


class Seen:
    def __init__(self, ip):
        at = (ip[0] & 15) * 4
        self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window = struct.unpack("!HHIIBBH", ip[at:at + 16])
        end = at + (offset >> 4) * 4
        self.options, self.payload, self.tos, self.ttl, self.df = ip[at + 20:end], len(ip) - end, ip[1], ip[8], ip[6] >> 6 & 1


def read_options(o):
    names, i = [], 0
    while i < len(o):
        kind = o[i]
        if kind in (0, 1):
            names.append("-")
            i += 1
            continue
        body = o[i + 2:i + o[i + 1]]
        names.append({2: lambda: "MSS%d" % struct.unpack("!H", body), 3: lambda: "WS%d" % body[0], 4: lambda: "SACK",
                      5: lambda: "blocks%d" % (len(body) // 8), 8: lambda: "TS(e%d)" % struct.unpack("!I", body[4:8])}.get(kind, lambda: "k%d" % kind)())
        i += o[i + 1]
    return " ".join(names)


class Kernel:
    """This kernel, in the present network namespace."""

    def __init__(self):
        self.tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tun, 0x400454ca, struct.pack("16sH", b"wire0", 0x1001))
        subprocess.check_call("ip link set lo up; ip addr add %s/24 dev wire0; ip link set wire0 up" % OURS, shell=True)
        self.agent_command = [sys.executable, "-u", os.path.join(HERE, "agent.py")]

    def put(self, ip):
        os.write(self.tun, ip)

    def get(self, timeout_s):
        return os.read(self.tun, 2000) if select.select([self.tun], [], [], timeout_s)[0] else None

    def close(self):
        os.close(self.tun)


class Weir:
    """A weir machine behind a TAP of the present network namespace."""
    MAC = b"\2\0\0\0\0\x22"

    def __init__(self, weir):
        subprocess.check_call("ip tuntap add dev wire0 mode tap; echo 1 >/proc/sys/net/ipv6/conf/wire0/disable_ipv6; ip link set wire0 up", shell=True)
        name = "wire%d" % os.getpid()
        self.up = subprocess.Popen([weir, "up", "-m", name, "--tap=wire0,%s/24,offload=off" % OURS, "--foreground"])
        self.agent_command = [weir, "run", "-m", name, "--", sys.executable, "-u", os.path.join(HERE, "agent.py")]
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.bind(("wire0", 0))
        self.gateway = None
        for _ in range(50):
            self.raw.send(b"\xff" * 6 + self.MAC + b"\x08\x06\0\1\x08\0\6\4\0\1" + self.MAC + socket.inet_aton(PEER) + b"\0" * 6 + socket.inet_aton(OURS) + b"\0" * 18)
            self.get(0.2)
            if self.gateway:
                return
        raise SystemExit("the machine does not answer")

    def put(self, ip):
        self.raw.send(self.gateway + self.MAC + b"\x08\0" + ip)

    def answer_arp(self, f):
        self.gateway = f[6:12]
        if f[20:22] == b"\0\1":
            self.raw.send(f[6:12] + self.MAC + b"\x08\x06\0\1\x08\0\6\4\0\2" + self.MAC + f[38:42] + f[22:32] + b"\0" * 18)

    def get(self, timeout_s):
        end = time.time() + timeout_s
        while (left := end - time.time()) > 0 and select.select([self.raw], [], [], left)[0]:
            f, where = self.raw.recvfrom(2000)
            if where[2] == socket.PACKET_OUTGOING:
                continue
            if f[12:14] == b"\x08\x06" and (f[20:22] == b"\0\2" or f[38:42] == socket.inet_aton(PEER)):
                self.answer_arp(f)
            elif f[12:14] == b"\x08\0":
                return f[14:]
        return None

    def close(self):
        self.up.send_signal(signal.SIGTERM)
        self.up.wait(5)


class Peer:
    def __init__(self, stack):
        self.stack, self.port, self.before, self.lines = stack, 8000, {}, []
        self.waiting, self.echoes = [], 0
        self.agent = subprocess.Popen(stack.agent_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name, value in STILL.items():
            self.do("sysctl('%s', %d)" % (name, value))

    def ask(self, kind, code):
        """What was said before has arrived; what the call sends, hear() finds."""
        self.settle()
        self.agent.stdin.write(kind + code + "\n")
        self.agent.stdin.flush()
        return eval(self.agent.stdout.readline())

    def value(self, code):
        return self.ask("E", code)

    def do(self, code):
        result = self.ask("X", code)
        if result is not None:
            self.lines.append("%s: %s" % (code, result))

    def show(self, *what):
        self.lines.append(" ".join(str(w) for w in what))

    def say(self, seq, ack, flags, data=b"", options=b"", window=65535, sport=2000):
        self.stack.put(segment(sport, self.port, seq, ack, flags, data, options, window))

    def settle(self):
        """Returns when all that was said has been taken and answered. Packets are taken in order, so an echo's answer follows
        theirs; but a segment may be held for merging until the batch that it came with ends: the second echo is of a later one."""
        for _ in range(2):
            self.echoes += 1
            self.stack.put(echo(self.echoes))
            while (ip := self.stack.get(LIMIT_S)) is None or not is_echo_answer(ip, self.echoes):
                self.take(ip)

    def take(self, ip):
        if ip is None:
            raise StopIteration
        if ip[0] >> 4 == 4 and ip[9] == 6:
            seen = Seen(ip[:ip[2] << 8 | ip[3]])
            if self.port in (seen.sport, seen.dport):
                self.waiting.append(seen)

    def hear(self, least=0):
        """What came for the present port since the last time: what was answered at once, and what a timer sends, up to `least`."""
        self.settle()
        while len(self.waiting) < least:
            self.take(self.stack.get(LIMIT_S))
        out, self.waiting = self.waiting, []
        return out

    def heard(self, ours=0, theirs=0, most=None, least=0):
        """Shows it; sequence numbers count from the two given ones. ours 0: not shown."""
        for s in self.hear(least)[:most]:
            self.shown(s, ours, theirs)

    def shown(self, s, ours=0, theirs=0):
        flags = "".join(c for b, c in ((1, "F"), (2, "S"), (4, "R"), (8, "P"), (16, "A"), (32, "U"), (64, "E"), (128, "C")) if s.flags & b)
        seq = "?" if not ours else (s.seq - ours) & 0xffffffff
        self.show("  %s seq %s ack %s len %d win %d tos %d ttl %d df %d [%s]" % (
            flags, seq, (s.ack - theirs) & 0xffffffff if s.flags & A else "-", s.payload, s.window, s.tos, s.ttl, s.df, read_options(s.options)))

    def begin(self):
        self.hear()
        self.before = self.value("netstat()")

    def counted(self):
        now = self.value("netstat()")
        moved = {k.split(":")[1]: now[k] - self.before.get(k, 0) for k in sorted(now) if k.startswith("Tcp") and now[k] != self.before.get(k, 0)}
        self.show("  counted", {k: v for k, v in moved.items() if k not in NOT_COMPARED})

    def listener(self, backlog=5):
        self.port += 1
        self.do("l = listen(%d, %d)" % (self.port, backlog))
        return self.port

    def half_open(self, options=b"", sport=2000, flags=S, data=b""):
        """A SYN and its answer; returns the answer."""
        self.say(500, 0, flags, data, options, sport=sport)
        return next(s for s in self.hear() if s.flags & S and s.dport == sport)

    def accepted(self, options=b"", timestamp=None):
        """A connection; returns our next sequence number. The peer's is 501."""
        ours = self.half_open(options).seq + 1
        self.say(501, ours, A, options=ts(timestamp, 0) if timestamp and options else b"")
        self.do("c = accept(l)")
        return ours

    def close(self):
        self.agent.stdin.close()
        self.agent.wait(5)


def ts(value, echo):
    return b"\1\1\x08\x0a" + struct.pack("!II", value, echo)
