"""socket(): families, types, protocols, flags, and the errors of each wrong combination."""
from oracle import *

FAMILIES = [("UNSPEC", 0), ("INET", 2), ("INET6", 10), ("IPX", 4), ("AX25", 3), ("BRIDGE", 7), ("46", 46), ("47", 47), ("255", 255), ("-1", -1)]
TYPES = [("STREAM", 1), ("DGRAM", 2), ("RAW", 3), ("RDM", 4), ("SEQPACKET", 5), ("DCCP", 6), ("7", 7), ("10", 10), ("11", 11), ("0", 0),
         ("STREAM|NONBLOCK|CLOEXEC", 1 | 0o4000 | 0o2000000), ("STREAM|0x10", 0x11)]
PROTOCOLS = [0, 1, 6, 17, 58, 33, 255, 256, -1, 12345]
for fname, family in FAMILIES[:1] + FAMILIES[6:]:
    show(f"{fname} STREAM 0", result(socket.socket, family, 1, 0))
for fname, family in FAMILIES[1:3]:
    for tname, kind in TYPES:
        for protocol in PROTOCOLS:
            if kind == 3 and protocol == 256:
                continue
            show(f"{fname} {tname} {protocol}", result(socket.socket, family, kind, protocol))
s = socket.socket(2, 1 | 0o4000 | 0o2000000, 0)
import fcntl
show("flags", (fcntl.fcntl(s, fcntl.F_GETFL) & 0o4000, fcntl.fcntl(s, fcntl.F_GETFD)))
s = socket.socket(2, 1)
show("plain flags", (fcntl.fcntl(s, fcntl.F_GETFL), fcntl.fcntl(s, fcntl.F_GETFD)))
for family in (2, 10):
    for kind in (1, 2):
        s = socket.socket(family, kind)
        show("type protocol domain", [s.getsockopt(socket.SOL_SOCKET, o) for o in (socket.SO_TYPE, socket.SO_PROTOCOL, socket.SO_DOMAIN, socket.SO_ACCEPTCONN)])
        show("getsockname", attempt(s.getsockname))
        show("getpeername", attempt(s.getpeername))
import stat
show("fstat", (stat.S_ISSOCK(os.fstat(s.fileno()).st_mode), os.readlink(f"/proc/self/fd/{s.fileno()}").startswith("socket:[")))
