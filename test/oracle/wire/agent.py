"""The program under test of the wire oracle: does what it is told on stdin, one line each (E expression, X statement), and
answers with the result or the errno."""
import errno
import socket
import struct
import sys


def netstat():
    values = {}
    for name in ("/proc/net/netstat", "/proc/net/snmp"):
        lines = open(name).read().split("\n")
        for heads, numbers in zip(lines[::2], lines[1::2]):
            for key, value in zip(heads.split()[1:], numbers.split()[1:]):
                values[heads.split()[0] + key] = int(value)
    return values


def sysctl(name, value):
    with open("/proc/sys/net/ipv4/" + name, "w") as f:
        f.write(str(value))


def listen(port, backlog=5):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("10.99.0.1", port))
    s.listen(backlog)
    return s


def accept(s):
    s.settimeout(2)
    child, _ = s.accept()
    child.setblocking(False)
    return child


def connect(address, port):
    s = socket.socket()
    s.setblocking(False)
    try:
        s.connect((address, port))
    except BlockingIOError:
        pass
    return s


names = {"socket": socket, "struct": struct, "netstat": netstat, "sysctl": sysctl, "listen": listen, "accept": accept, "connect": connect}
for line in sys.stdin:
    try:
        result = eval(line[1:].rstrip(), names) if line[0] == "E" else exec(line[1:].rstrip(), names)
    except OSError as e:
        result = errno.errorcode.get(e.errno, str(e))
    except Exception as e:
        result = repr(e)
    print(repr(result), flush=True)
