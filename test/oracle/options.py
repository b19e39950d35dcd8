"""getsockopt and setsockopt: defaults, what a set leaves behind, ranges and errors, for every named option of the levels."""
import ctypes

from oracle import *

libc = ctypes.CDLL(None, use_errno=True)


def get(s, level, name, size=4, room=None):
    buffer = ctypes.create_string_buffer(b"\xa5" * 256, 256)
    length = ctypes.c_uint(size if room is None else room)
    if libc.getsockopt(s.fileno(), level, name, buffer, ctypes.byref(length)) < 0:
        return name_of(ctypes.get_errno())
    n = length.value
    return (n, int.from_bytes(buffer.raw[:n], "little", signed=True) if n <= 8 else buffer.raw[:n].hex())


def set_(s, level, name, value, size=4):
    data = value if isinstance(value, bytes) else int(value).to_bytes(8, "little", signed=True)[:size]
    if libc.setsockopt(s.fileno(), level, name, data, len(data)) < 0:
        return name_of(ctypes.get_errno())
    return 0


SOL = {"SOCKET": 1, "IP": 0, "IPV6": 41, "TCP": 6, "UDP": 17, "RAW": 255, "ICMPV6": 58}
# What differs between two Linux hosts or runs: cookies, memory tuned by the machine, scheduling, the congestion control.
SKIP = {("SOCKET", n) for n in (57, 56, 55, 71, 77, 26, 27, 51, 52, 74, 60, 54, 31, 59)} | {("TCP", n) for n in (11, 13, 24, 26, 40, 31, 33, 38, 39, 14, 32, 34, 35)}
SKIP |= {("IP", n) for n in (41, 42, 43, 44, 45, 46, 47, 48, 49, 16, 64, 65, 66, 67, 80, 81, 82, 83, 84)} | {("IPV6", n) for n in (34, 35, 64, 65, 66, 67, 68, 69, 80)}
RANGES = {"SOCKET": range(1, 84), "IP": range(1, 61), "IPV6": range(1, 82), "TCP": range(1, 46), "UDP": list(range(1, 3)) + list(range(100, 106)),
          "RAW": range(1, 9), "ICMPV6": range(1, 3)}
KINDS = [("tcp4", 2, 1, 0), ("tcp6", 10, 1, 0), ("udp4", 2, 2, 0), ("udp6", 10, 2, 0), ("unix stream", 1, 1, 0), ("unix dgram", 1, 2, 0)]
if os.environ.get("ORACLE_PRIVILEGED"):
    KINDS += [("raw4", 2, 3, 1), ("raw6", 10, 3, 58), ("raw header", 2, 3, 255)]
for label, family, kind, protocol in KINDS:
    for lname, level in SOL.items():
        if lname == "IPV6" and family == 2 and kind == 1:
            show(f"{label} v6 level", (get(socket.socket(family, kind, protocol), 41, 26), set_(socket.socket(family, kind, protocol), 41, 26, 1)))
            continue
        for option in RANGES[lname]:
            if (lname, option) in SKIP:
                continue
            s = socket.socket(family, kind, protocol)
            first = get(s, level, option)
            values = []
            for v in (1, 0, -1, 2, 255, 256, 70000):
                values.append((set_(s, level, option, v), get(s, level, option)))
            show(f"{label} {lname} {option}", f"{first} {values}")
            s = socket.socket(family, kind, protocol)
            show(f"{label} {lname} {option} sizes", [set_(s, level, option, 1, n) for n in (0, 1, 2, 3)] + [get(s, level, option, 4, n) for n in (0, 1, 3, 8)])
s = socket.socket(2, 1)
show("bad level", (get(s, 99, 1), set_(s, 99, 1, 1)))
show("linger", (get(s, 1, 13, 8), set_(s, 1, 13, struct.pack("ii", 1, 7)), get(s, 1, 13, 8)))
show("timeouts", (set_(s, 1, 20, struct.pack("qq", 1, 500000)), get(s, 1, 20, 16), set_(s, 1, 20, struct.pack("qq", 1, 1000000)), set_(s, 1, 20, struct.pack("qq", -1, 0)), get(s, 1, 20, 16)))
show("bindtodevice", (set_(s, 1, 25, b"lo\0"), get(s, 1, 25, 16), set_(s, 1, 25, b"nope0\0")))
show("sndbuf", [(set_(s, 1, 7, v), get(s, 1, 7)) for v in (1, 5000, 100000, 100_000_000)])
show("rcvbuf", [(set_(s, 1, 8, v), get(s, 1, 8)) for v in (1, 5000, 100000, 100_000_000)])
show("congestion", (set_(s, 6, 13, b"reno"), get(s, 6, 13, 16), set_(s, 6, 13, b"nosuch"), set_(s, 6, 13, b"")))
show("fault", name_of(ctypes.get_errno()) if libc.setsockopt(s.fileno(), 1, 2, 1, 4) < 0 else 0)
show("not a socket", (lambda r: name_of(ctypes.get_errno()))(libc.setsockopt(0, 1, 2, b"\1\0\0\0", 4)))
c, d = pair()
show("connected error", get(c, 1, 4))
show("info length", [get(c, 6, 11, 4, n)[0] for n in (4, 104, 232, 256)])
show("maxseg", get(c, 6, 2))
show("accepted inherits", (lambda l: None)(0))
l = socket.socket(2, 1)
for level, option, value in ((1, 9, 1), (6, 1, 1), (6, 4, 77), (6, 5, 7), (6, 6, 3), (0, 1, 16), (0, 2, 33), (1, 8, 30000), (1, 7, 40000), (6, 18, 1234), (1, 13, struct.pack("ii", 1, 3))):
    set_(l, level, option, value)
l.bind((LO4, 0)); l.listen(1)
c = socket.create_connection(l.getsockname())
a, _ = l.accept()
show("inherited", [get(a, lv, o, 8) for lv, o in ((1, 9), (6, 1), (6, 4), (6, 5), (6, 6), (0, 1), (0, 2), (1, 8), (1, 7), (6, 18), (1, 13))])
