#!/usr/bin/python3
"""The IP layer on the wire: odd and broken packets are sent to the kernel and to weir, each in a namespace of its own with
equal addresses; what comes back and what is counted must be equal. Needs root.

wire_test.py [WORD]...   only probes whose name holds one of the words
"""
import ctypes
import os
import select
import socket
import struct
import subprocess
import sys
import time

from harness import WEIR

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from namespaces import Namespace  # noqa: E402

US, THEM, US6, THEM6 = "192.168.7.1", "192.168.7.2", "fd07::1", "fd07::2"
OUR_MAC, THEIR_MAC = "02:00:00:00:00:41", "02:00:00:00:00:42"
NAME = "wire%d" % os.getpid()
# Nothing is limited, and nobody asks for routers or whether a neighbour is still there.
SETTINGS = """for f in ipv4/icmp_ratelimit ipv6/icmp/ratelimit ipv6/conf/%s/router_solicitations; do echo 0 > /proc/sys/net/$f; done
ip neigh replace {0} lladdr {2} dev %s nud permanent; ip neigh replace {1} lladdr {2} dev %s nud permanent""".format(US, US6, OUR_MAC)
REPORTS_SECONDS = 1.2  # between unsolicited reports of IGMPv3 and MLDv2: one second at most
BARRIER_MARK = 0xBA44
S, D, S6, D6 = (socket.inet_aton(US), socket.inet_aton(THEM), socket.inet_pton(socket.AF_INET6, US6), socket.inet_pton(socket.AF_INET6, THEM6))
SM, DM = bytes.fromhex(OUR_MAC.replace(":", "")), bytes.fromhex(THEIR_MAC.replace(":", ""))
IP, IP6, ARP = 0x800, 0x86DD, 0x806


def shell(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(payload, protocol=17, src=S, dst=D, ttl=64, tos=0, fragment=0, ident=0x1234, options=b"", spoil=0, total=None, version=4, ihl=None):
    ihl = (20 + len(options)) // 4 if ihl is None else ihl
    total = 20 + len(options) + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | ihl, tos, total, ident, fragment, ttl, protocol, 0, src, dst) + options
    return head[:10] + struct.pack("!H", checksum(head) ^ spoil) + head[12:] + payload


def ip6(payload, following=17, src=S6, dst=D6, hops=64, tclass=0, length=None):
    return struct.pack("!IHBB", 6 << 28 | tclass << 20, len(payload) if length is None else length, following, hops) + src + dst + payload


def udp(data=b"abc", port=9):
    return struct.pack("!HHHH", 5555, port, 8 + len(data), 0) + data


def with_sum6(payload, at, protocol, src, dst):
    total = checksum(src + dst + struct.pack("!II", len(payload), protocol) + payload) or 0xFFFF
    return payload[:at] + struct.pack("!H", total) + payload[at + 2:]


def udp6(data=b"abc", port=9, src=S6, dst=D6):
    return with_sum6(udp(data, port), 6, 17, src, dst)


def tcp_syn():
    segment = struct.pack("!HHIIBBHHH", 4000, 99, 7, 0, 0x50, 2, 1000, 0, 0)
    return segment[:16] + struct.pack("!H", checksum(S + D + struct.pack("!BBH", 0, 6, 20) + segment)) + segment[18:]


def icmp(kind, code=0, rest=b"\1\2\3\4", data=b"", spoil=0):
    message = struct.pack("!BBH", kind, code, 0) + rest + data
    return message[:2] + struct.pack("!H", checksum(message) ^ spoil) + message[4:]


def icmp6(kind, code=0, rest=b"\1\2\3\4", data=b"", src=S6, dst=D6):
    return with_sum6(struct.pack("!BBH", kind, code, 0) + rest + data, 2, 58, src, dst)


def echo(**how):
    return [(IP, ip(icmp(8), 1, **how))]


def echo6(*extension, **how):
    return [(IP6, ip6(bytes(extension[1:]) + icmp6(128), extension[0] if extension else 58, **how))]


def frame_to(mac, probes):
    return [(kind, packet, bytes.fromhex(mac)) for kind, packet in probes]


def arp(target=D, sender=S, hardware=1):
    return struct.pack("!HHBBH", hardware, IP, 6, 4, 1) + SM + sender + b"\0" * 6 + target


def solicit(target=D6, option=b"\1\1" + SM, src=S6, dst=D6, hops=255, code=0):
    return [(IP6, ip6(icmp6(135, code, b"\0" * 4, target + option, src, dst), 58, src, dst, hops))]


def fragments(whole, protocol, cut=24, flags=0, ident=0x1234):
    return [(IP, ip(whole[:cut], protocol, fragment=0x2000 | flags, ident=ident)), (IP, ip(whole[cut:], protocol, fragment=cut // 8 | flags, ident=ident))]


def fragment6(following, offset, more, ident, data):
    return (IP6, ip6(struct.pack("!BBHI", following, 0, offset | more, ident) + data, 44))


ALL, NODE = b"\xff\2" + b"\0" * 13 + b"\1", b"\xff\2" + b"\0" * 9 + b"\1\xff" + D6[13:]
NODE_MAC = "3333ff" + D6[13:].hex()
LONG = icmp(8, data=b"d" * 40)
LONG6 = icmp6(128, data=b"d" * 40)
PROBES = {
    "udp closed": [(IP, ip(udp()))],
    "udp closed tos": [(IP, ip(udp(), tos=0x2E))],
    "udp closed big": [(IP, ip(udp(b"x" * 1300)))],
    "tcp closed": [(IP, ip(tcp_syn(), 6))],
    "echo": [(IP, ip(icmp(8, data=b"data"), 1, tos=0x10, ttl=3))],
    "echo code": [(IP, ip(icmp(8, 5), 1))],
    "echo bad sum": [(IP, ip(icmp(8, spoil=1), 1))],
    "echo short": [(IP, ip(icmp(8, rest=b""), 1))],
    "echo ttl 0": echo(ttl=0),
    "timestamp": [(IP, ip(icmp(13, data=b"\0\0\0\5" + b"\0" * 8), 1))],
    "timestamp short": [(IP, ip(icmp(13, data=b"\0\0\0\5"), 1))],
    "address mask": [(IP, ip(icmp(17, data=b"\0" * 4), 1))],
    "information": [(IP, ip(icmp(15), 1))],
    "icmp type 200": [(IP, ip(icmp(200), 1))],
    "extended echo": [(IP, ip(icmp(42, rest=b"\1\2\3\1", data=b"\x20\0\0\0\0\x08\0\1lo\0\0"), 1))],
    "error for an error": [(IP, ip(icmp(3, 3, b"\0" * 4, ip(udp(), src=D, dst=S)), 1))],
    "protocol 200": [(IP, ip(b"hello", 200))],
    "bad header sum": echo(spoil=1),
    "version 5": echo(version=5),
    "ihl 4": echo(ihl=4),
    "ihl 15": echo(ihl=15),
    "total beyond": echo(total=400),
    "total below": echo(total=18),
    "total cuts": [(IP, ip(icmp(8, data=b"z" * 30), 1, total=28))],
    "padding": [(IP, ip(icmp(8, data=b"zz"), 1) + b"PADPAD")],
    "source multicast": echo(src=b"\xe0\0\0\5"),
    "source broadcast": echo(src=b"\xff" * 4),
    "source zero": echo(src=b"\0" * 4),
    "source loopback": echo(src=b"\x7f\0\0\1"),
    "source its own": echo(src=D),
    "source unroutable": echo(src=b"\x08\x08\x08\x08"),
    "destination loopback": echo(dst=b"\x7f\0\0\1"),
    "destination other": echo(dst=b"\x08\x08\x08\x08"),
    "subnet broadcast": frame_to("ffffffffffff", echo(dst=D[:3] + b"\xff")),
    "broadcast": frame_to("ffffffffffff", echo(dst=b"\xff" * 4)),
    "broadcast udp": frame_to("ffffffffffff", [(IP, ip(udp(), dst=b"\xff" * 4))]),
    "all hosts": frame_to("01005e000001", echo(dst=b"\xe0\0\0\1")),
    "unicast in a broadcast frame": frame_to("ffffffffffff", echo()),
    "udp in a broadcast frame": frame_to("ffffffffffff", [(IP, ip(udp()))]),
    "another's frame": frame_to("020202020202", echo()),
    "record route": echo(options=bytes([7, 11, 4] + [0] * 9)),
    "record route, closed": [(IP, ip(udp(), options=bytes([7, 11, 4] + [0] * 9)))],
    "bad pointer": [(IP, ip(udp(), options=bytes([7, 7, 3, 0, 0, 0, 0, 0])))],
    "bad length": [(IP, ip(udp(), options=bytes([7, 17, 4, 0, 0, 0, 0, 0])))],
    "length 1": [(IP, ip(udp(), options=bytes([7, 1, 4, 0])))],
    "full timestamps": [(IP, ip(udp(), options=bytes([68, 8, 9, 0xF0, 0, 0, 0, 0])))],
    "unknown option": echo(options=bytes([0x9E, 4, 0, 0])),
    "source route": echo(options=bytes([131, 7, 4, 10, 9, 8, 7, 0])),
    "two record routes": [(IP, ip(udp(), options=bytes([7, 7, 4, 0, 0, 0, 0] * 2 + [0, 0])))],
    "fragments": fragments(LONG, 1),
    "fragments backwards": fragments(LONG, 1)[::-1],
    "fragments of closed udp": fragments(udp(b"d" * 40), 17),
    "fragments with DF": fragments(LONG, 1, flags=0x4000),
    "fragments of protocol 200": fragments(b"x" * 29, 200, 16, ident=7),
    "fragments overlap": [(IP, ip(b"x" * 64, 200, fragment=0x2000, ident=8)), (IP, ip(b"x" * 64, 200, fragment=0x2007, ident=8))],
    "fragment too far": [(IP, ip(b"x" * 64, 200, fragment=0x1FFF, ident=9)), (IP, ip(b"x" * 64, 200, fragment=0x2000, ident=9))],
    "6 udp closed": [(IP6, ip6(udp6()))],
    "6 udp closed big": [(IP6, ip6(udp6(b"x" * 1400)))],
    "6 udp without sum": [(IP6, ip6(udp()))],
    "6 echo": [(IP6, ip6(icmp6(128, data=b"abc"), 58, tclass=0x20, hops=9))],
    "6 echo bad sum": [(IP6, ip6(icmp(128), 58))],
    "6 echo code": [(IP6, ip6(icmp6(128, 7), 58))],
    "6 short": [(IP6, ip6(icmp6(128, rest=b""), 58))],
    "6 protocol 200": [(IP6, ip6(b"hello123", 200))],
    "6 no next header": [(IP6, ip6(b"hello123", 59))],
    "6 unknown information": [(IP6, ip6(icmp6(200), 58))],
    "6 unknown error": [(IP6, ip6(icmp6(100, data=b"q" * 60), 58))],
    "6 length beyond": echo6(length=100),
    "6 version 5": [(IP6, b"\x50" + ip6(icmp6(128), 58)[1:])],
    "6 source multicast": echo6(src=ALL),
    "6 source loopback": echo6(src=b"\0" * 15 + b"\1"),
    "6 source any": [(IP6, ip6(icmp6(128, src=b"\0" * 16), 58, src=b"\0" * 16))],
    "6 destination other": echo6(dst=D6[:15] + b"\x99"),
    "6 destination unroutable": echo6(dst=b"\x20\1" + b"\0" * 13 + b"\x99"),
    "6 all nodes": frame_to("333300000001", [(IP6, ip6(icmp6(128, dst=ALL), 58, dst=ALL))]),
    "6 all nodes udp": frame_to("333300000001", [(IP6, ip6(udp6(dst=ALL), dst=ALL))]),
    "6 hop-by-hop padding": echo6(0, 58, 0, 1, 4, 0, 0, 0, 0),
    "6 hop-by-hop bad padding": echo6(0, 58, 0, 1, 4, 0, 9, 0, 0),
    "6 hop-by-hop skip": echo6(0, 58, 0, 0x1E, 4, 0, 0, 0, 0),
    "6 hop-by-hop discard": echo6(0, 58, 0, 0x5E, 4, 0, 0, 0, 0),
    "6 hop-by-hop tell": echo6(0, 58, 0, 0x9E, 4, 0, 0, 0, 0),
    "6 hop-by-hop tell one": echo6(0, 58, 0, 0xDE, 4, 0, 0, 0, 0),
    "6 hop-by-hop router alert": echo6(0, 58, 0, 5, 2, 0, 0, 1, 0),
    "6 hop-by-hop second": echo6(60, 0, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0),
    "6 jumbo": echo6(0, 58, 0, 0xC2, 4, 0, 1, 0, 0, length=0),
    "6 destination options": echo6(60, 58, 0, 1, 4, 0, 0, 0, 0),
    "6 destination options tell": echo6(60, 58, 0, 0x9E, 4, 0, 0, 0, 0),
    "6 destination options many": echo6(60, 58, 3, *([0x1E, 0] * 15)),
    "6 routing type 0": echo6(43, 58, 2, 0, 1, 0, 0, 0, 0, *([0x20] * 16)),
    "6 routing none left": echo6(43, 58, 2, 0, 0, 0, 0, 0, 0, *([0x20] * 16)),
    "6 routing type 2": echo6(43, 58, 2, 2, 1, 0, 0, 0, 0, *([0x20] * 16)),
    "6 routing type 253": echo6(43, 58, 0, 253, 1, 0, 0, 0, 0),
    "6 fragments": [fragment6(58, 0, 1, 9, LONG6[:24]), fragment6(58, 24, 0, 9, LONG6[24:])],
    "6 fragments of closed udp": [fragment6(17, 0, 1, 9, udp6(b"e" * 40)[:24]), fragment6(17, 24, 0, 9, udp6(b"e" * 40)[24:])],
    "6 fragments overlap": [fragment6(200, 0, 1, 10, b"x" * 64), fragment6(200, 56, 0, 10, b"x" * 64)],
    "6 atomic fragment": [fragment6(58, 0, 0, 9, LONG6)],
    "6 fragment of odd length": [fragment6(58, 0, 1, 19, LONG6[:23])],
    "6 fragment too far": [fragment6(58, 0xFFF8, 0, 20, b"x" * 64)],
    "6 fragment without transport": [fragment6(60, 0, 1, 29, bytes([58, 1, 1, 4, 0, 0, 0, 0]))],
    "6 solicitation": solicit(),
    "6 solicitation to the group": frame_to(NODE_MAC, solicit(dst=NODE)),
    "6 solicitation from afar": solicit(hops=254),
    "6 solicitation with a code": solicit(code=1),
    "6 solicitation with an empty option": solicit(option=b"\1\0" + SM),
    "6 solicitation without option": solicit(option=b""),
    "6 solicitation of another": solicit(target=S6),
    "6 duplicate address": frame_to(NODE_MAC, solicit(option=b"", src=b"\0" * 16, dst=NODE)),
    "arp": frame_to("ffffffffffff", [(ARP, arp())]),
    "arp unicast": [(ARP, arp())],
    "arp probe": frame_to("ffffffffffff", [(ARP, arp(sender=b"\0" * 4))]),
    "arp of another": frame_to("ffffffffffff", [(ARP, arp(D[:3] + b"\x77"))]),
    "arp of loopback": frame_to("ffffffffffff", [(ARP, arp(b"\x7f\0\0\1"))]),
    "arp other hardware": frame_to("ffffffffffff", [(ARP, arp(hardware=7))]),
    "arp from a stranger": frame_to("ffffffffffff", [(ARP, arp(sender=b"\x09" * 4))]),
}


def normal(frame):
    """Without what may differ: ids, flow labels, times, and the checksums over them."""
    b = bytearray(frame)
    if b[12:14] == b"\x08\0":
        b[18:20] = b[24:26] = b"--"
        at = 14 + (b[14] & 15) * 4
        if b[23] == 1 and b[at] == 14:
            b[at + 2:at + 4] = b"--"
            b[at + 12:at + 20] = b"--------"
    elif b[12:14] == b"\x86\xdd":
        b[15] &= 0xF0
        b[16:18] = b"--"
    return bytes(b)


def barrier(number):
    """An echo of each version whose answer nothing else gives."""
    rest = struct.pack("!HH", BARRIER_MARK, number & 0xFFFF)
    return [(IP, ip(icmp(8, rest=rest), 1)), (IP6, ip6(icmp6(128, rest=rest), 58))]


def barrier_answer(frame, number):
    """4 or 6 when the frame answers this barrier, else 0."""
    rest = struct.pack("!HH", BARRIER_MARK, number & 0xFFFF)
    if frame[12:14] == b"\x08\0" and frame[23] == 1 and frame[34] == 0 and frame[38:42] == rest:
        return 4
    return 6 if frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 129 and frame[58:62] == rest else 0


def is_answer(frame):
    """What the other side says of its own accord is left out."""
    if frame[6:12] != DM:
        return False
    if frame[12:14] == b"\x08\x06":
        return frame[20:22] == b"\0\2"
    if frame[12:14] == b"\x86\xdd" and frame[20] == 58:
        return frame[54] not in (133, 135)
    return frame[12:14] == b"\x08\0" and frame[23] != 2 or frame[12:14] == b"\x86\xdd" and frame[20] != 0


class Side:
    def __init__(self, namespace, device, read_counters):
        self.read_counters, self.marks = read_counters, 0
        with open(namespace.path) as there, open("/proc/self/ns/net") as here:
            self.setns(there)
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((device, 0))
            self.setns(here)

    @staticmethod
    def setns(file):
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")

    def send(self, kind, packet, mac=DM):
        self.socket.send(mac + SM + struct.pack("!H", kind) + packet)

    def receive(self):
        """What comes until both echoes that are sent now are answered: all that was sent before is taken by then."""
        for kind, packet in barrier(self.marks + 1):
            self.send(kind, packet)
        self.marks += 1
        expected, frames = {4, 6}, []
        end = time.monotonic() + 10
        while expected:
            assert select.select([self.socket], [], [], max(0, end - time.monotonic()))[0], "the barrier has no answer"
            frame, address = self.socket.recvfrom(70000)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            version = barrier_answer(frame, self.marks)
            if version:
                expected.discard(version)
            elif is_answer(frame):
                frames.append(normal(frame).hex())
        return frames

    def counters(self):
        lines = [line.split() for line in self.read_counters().splitlines() if line.strip()]
        values = {line[0]: int(line[1]) for line in lines if len(line) == 2 and not line[0].endswith(":")}
        for names, numbers in zip(lines, lines[1:]):
            if len(names) > 1 and names[0].endswith(":") and names[0] == numbers[0] and not names[1].lstrip("-").isdigit():
                values.update(zip([names[0] + name for name in names[1:]], map(int, numbers[1:])))
        return {name: value for name, value in values.items() if name.startswith(("Ip", "Icmp"))}


def probe(sides, name):
    """([answers, counted], ...), one for each side."""
    results = []
    for side in sides:
        side.receive()
        old = side.counters()
        for packet in PROBES[name]:
            side.send(*packet)
        frames, new = side.receive(), side.counters()
        results.append([frames, {key: new[key] - old.get(key, 0) for key in new if new[key] != old.get(key, 0)}])
    return results


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def inside(namespace, command):
    shell(" ".join(namespace.enter) + " " + command)


def start(namespaces):
    kernel_side, weir_side, target = namespaces
    inside(kernel_side, f"ip link add near address {OUR_MAC} type veth peer name far netns {target.pid} address {THEIR_MAC}")
    inside(weir_side, f"{WEIR} up -m {NAME} --tap=near,{THEM}/24,{THEM6}/64,mac={THEIR_MAC}")
    inside(weir_side, f"ip link set near address {OUR_MAC}")
    for side in (kernel_side, weir_side):
        inside(side, "sysctl -qw net.ipv6.conf.near.router_solicitations=0 net.ipv6.conf.near.accept_dad=0")
        for command in (f"addr add {US}/24 dev near", f"addr add {US6}/64 dev near", "link set near up"):
            inside(side, "ip " + command)
    for command in (f"addr add {THEM}/24 dev far", f"addr add {THEM6}/64 dev far", "link set far up", "link set lo up"):
        inside(target, "ip " + command)
    inside(target, "sh -c '%s'" % SETTINGS.replace("%s", "far"))
    shell("%s run -m %s -- sh -c '%s'" % (WEIR, NAME, SETTINGS.replace("%s", "eth0")))
    texts = ["net/snmp", "net/netstat", "net/snmp6"]
    kernel = target.enter + ["cat"] + ["/proc/" + text for text in texts]
    weir = [[WEIR, "cat", "-m", NAME, text] for text in texts]
    return Side(kernel_side, "near", lambda: output_of(*kernel)), Side(weir_side, "near", lambda: "\n".join(output_of(*command) for command in weir))


def are_quiet(sides):
    """Duplicate address detection and first reports are over."""
    before = [side.counters() for side in sides]
    time.sleep(REPORTS_SECONDS)
    return before == [side.counters() for side in sides]


def stop(namespaces):
    subprocess.run([WEIR, "down", "-m", NAME], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for namespace in namespaces:
        namespace.end()


def compare(sides, name):
    kernel, weir = probe(sides, name)
    if kernel == weir:
        return True
    print("FAIL " + name)
    for who, mine, other in (("kernel", kernel, weir), ("weir", weir, kernel)):
        if mine[0] != other[0]:
            print("     %s answered %s" % (who, mine[0] or "nothing"))
        print("     %s alone counted %s" % (who, {key: value for key, value in mine[1].items() if other[1].get(key) != value}))
    return False


def main():
    if os.getuid() or not os.path.exists("/dev/net/tun") or not os.path.exists(WEIR):
        print("needs root, /dev/net/tun and a built weir")
        return 77
    names = [name for name in PROBES if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:])]
    namespaces = [Namespace() for _ in range(3)]
    try:
        sides = start(namespaces)
        while not are_quiet(sides):
            pass
        failed = [name for name in names if not compare(sides, name)]
    finally:
        stop(namespaces)
    print("%d probes, %d differ" % (len(names), len(failed)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
