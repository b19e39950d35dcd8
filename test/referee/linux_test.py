#!/usr/bin/python3
"""The referee is silent on what Linux itself sends: workloads between two network namespaces of this kernel, over a third one
that routes and loses, captured at both ends and between them. Needs root, tcpdump, ethtool and nft.

linux_test.py [--keep FOLDER]    leaves the captures there
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from namespaces import Namespace  # noqa: E402
WEIR = os.environ.get("WEIR", os.path.join(TOP, "build", "weir"))
A, ROUTER, B = NAMES = ("a", "r", "b")
SPACES = {}  # name: Namespace
ADDRESSES = {"a": ("10.77.1.1", "fd77:1::1"), "b": ("10.77.2.1", "fd77:2::1")}
CLOSED, SERVER, HOLE = 4001, 4002, 4003
CLONE_NEWNET = 0x40000000


def skip(why):
    print(why)
    sys.exit(77)


def run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def inside(name, *command, **options):
    return run(*SPACES[name].enter, *command, **options)


def wire(end, other):
    """end's eth0 and the router's other, up but silent; without offloads, so that a capture holds what a wire would."""
    inside(end, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", other, "netns", SPACES[ROUTER].pid)
    for name, device in ((end, "eth0"), (ROUTER, other)):
        inside(name, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off", check=False)
        inside(name, "sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=1" % device)
        inside(name, "ip", "link", "set", device, "up")


def build():
    for name in NAMES:
        SPACES[name] = Namespace()
        inside(name, "ip", "link", "set", "lo", "up")
    inside(ROUTER, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    wire(A, "left")
    wire(B, "right")


def begin():
    """Addresses, only now: whatever is said of them is captured."""
    for name, other, (v4, v6) in ((A, "left", ADDRESSES["a"]), (B, "right", ADDRESSES["b"])):
        for where, device, last in ((ROUTER, other, "2"), (name, "eth0", "1")):
            inside(where, "sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=0" % device)
            inside(where, "ip", "addr", "add", v4[:-1] + last + "/24", "dev", device)
            inside(where, "ip", "addr", "add", v6[:-1] + last + "/64", "dev", device)
        inside(name, "ip", "route", "add", "default", "via", v4[:-1] + "2")
        inside(name, "ip", "-6", "route", "add", "default", "via", v6[:-1] + "2")
    time.sleep(2.5)  # duplicate address detection


def lose(percent):
    """What the router forwards; 0: nothing more is lost. Nobody ever gets to the hole."""
    inside(ROUTER, "nft", "flush", "ruleset")
    inside(ROUTER, "nft", "add", "table", "inet", "t")
    inside(ROUTER, "nft", "add chain inet t c { type filter hook forward priority 0; }")
    inside(ROUTER, "nft", "add rule inet t c tcp dport %d drop" % HOLE)
    if percent:
        inside(ROUTER, "nft", "add rule inet t c numgen random mod 100 < %d drop" % percent)


class Capture:
    def __init__(self, folder, name, device):
        self.path = os.path.join(folder, "%s-%s.pcap" % (name, device))
        self.process = subprocess.Popen([*SPACES[name].enter, "tcpdump", "-i", device, "-s", "0", "-B", "65536", "-w", self.path,
                                         "-Z", "root", "--immediate-mode", "-U"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if "listening" not in self.process.stderr.readline():
            print("tcpdump does not capture on " + device)
            sys.exit(1)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate()[1]
        if "\n0 packets dropped by kernel" not in said:
            print("tcpdump: " + said.strip())
            sys.exit(1)


def in_namespace(name, function, *arguments):
    """A thread moves into the namespace for good; its sockets are made there."""
    def body():
        with open(SPACES[name].path, encoding="ascii") as handle:
            os.setns(handle.fileno(), CLONE_NEWNET)
        function(*arguments)
    thread = threading.Thread(target=body)
    thread.start()
    return thread


def address(end, family, port):
    return (ADDRESSES[end][family == socket.AF_INET6], port)


def serve(family, where, connection, count=1, ready=None):
    with socket.create_server(where, family=family, backlog=64) as listener:
        ready.set()
        for _ in range(count):
            client, _ = listener.accept()
            with client:
                client.settimeout(20)
                connection(client)


def exchange(family, client, server, count=1, where=None, own=None):
    """server(socket) in B against client(socket) in A, count times."""
    ready = threading.Event()
    where = where or address("b", family, SERVER)

    def connect():
        ready.wait()
        for _ in range(count):
            with socket.socket(family, socket.SOCK_STREAM) as s:
                s.settimeout(20)
                if own:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind((ADDRESSES["a"][family == socket.AF_INET6], own))
                s.connect(where)
                client(s)
    threads = [in_namespace(B if where[0] == ADDRESSES["b"][family == socket.AF_INET6] else A, serve, family, where, server, count, ready),
               in_namespace(A, connect)]
    for thread in threads:
        thread.join()


def drain(s):
    while s.recv(65536):
        pass


def bulk(size):
    def send(s):
        s.sendall(b"x" * size)
        s.shutdown(socket.SHUT_WR)
        drain(s)
    return send


def answer(s):
    while True:
        request = s.recv(4096)
        if not request:
            return
        s.sendall(request * 3)


def ask(s):
    for _ in range(50):
        s.sendall(b"hello")
        got = 0
        while got < 15:
            got += len(s.recv(4096))


def slow(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    time.sleep(1.5)
    while s.recv(2000):
        time.sleep(0.002)


def small_writes(s):
    for _ in range(100):
        s.send(b"y" * 100)
        time.sleep(0.001)


def abort(s):
    s.sendall(b"z" * 1000)
    time.sleep(0.05)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def unread(s):
    time.sleep(0.05)  # closes with bytes unread: a RST


def streams(family):
    exchange(family, bulk(3000000), drain)
    exchange(family, bulk(300000), bulk(400000))
    exchange(family, ask, answer)
    exchange(family, bulk(150000), slow)
    exchange(family, small_writes, drain)
    exchange(family, bulk(10), bulk(10), count=20)
    exchange(family, abort, drain_or_reset)
    exchange(family, send_or_reset, unread)
    exchange(family, bulk(100), bulk(100), own=4500)


def drain_or_reset(s):
    try:
        drain(s)
    except ConnectionResetError:
        pass


def send_or_reset(s):
    try:
        s.sendall(b"x" * 100000)
        time.sleep(0.2)
        s.sendall(b"x")
    except (ConnectionResetError, BrokenPipeError):
        pass


def datagrams(family):
    def client():
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(0.5)
            for size in (0, 1, 1400, 1500, 4000, 30000):
                s.sendto(b"d" * size, address("b", family, SERVER))
                try:
                    s.recv(65536)
                except TimeoutError:
                    pass
            for _ in range(10):  # more than errors may answer
                s.sendto(b"closed", address("b", family, CLOSED))
                s.sendto(b"c" * 4000, address("b", family, CLOSED))

    def server():
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.bind(address("b", family, SERVER))
            s.settimeout(1.5)
            while True:
                try:
                    data, peer = s.recvfrom(65536)
                except TimeoutError:
                    return
                s.sendto(data, peer)
    threads = [in_namespace(B, server)]
    time.sleep(0.1)
    threads.append(in_namespace(A, client))
    for thread in threads:
        thread.join()


def refused(family):
    def client():
        for port, seconds in ((CLOSED, 5), (HOLE, 4.5)):
            with socket.socket(family, socket.SOCK_STREAM) as s:
                s.settimeout(seconds)
                try:
                    s.connect(address("b", family, port))
                except (ConnectionRefusedError, TimeoutError):
                    pass
    in_namespace(A, client).join()


def groups():
    def member():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s6:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + socket.inet_aton("10.77.1.1"))
            s6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, "ff02::77") + struct.pack("i", 2))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.1.1"))
            s.sendto(b"group", ("239.1.2.3", 9))
            time.sleep(1)
    in_namespace(A, member).join()


def pings():
    for options in (["-c3", "-i0.2"], ["-c2", "-i0.2", "-s", "3000"], ["-c2", "-t1"]):
        for index in (0, 1):
            inside(A, "ping", "-q", "-W1", *options, ADDRESSES["b"][index], check=False)
    inside(A, "ping", "-q", "-c1", "-W1", "-s", "1472", "-M", "do", ADDRESSES["b"][0], check=False)
    for target in ("10.77.1.200", "10.88.0.1", "fd77:1::200"):
        inside(A, "ping", "-q", "-c2", "-W1", target, check=False)


def workloads():
    lose(0)
    families = (socket.AF_INET, socket.AF_INET6)
    for family in families:
        streams(family)
        datagrams(family)
    groups()
    pings()
    lose(3)
    for family in families:
        exchange(family, bulk(1000000), drain)
        exchange(family, bulk(50000), bulk(50000), count=10)
        exchange(family, ask, answer)
    lose(0)
    waiting = [threading.Thread(target=refused, args=(family,)) for family in families]
    for thread in waiting:
        thread.start()
    inside(ROUTER, "ip", "link", "set", "right", "mtu", "1300")  # a smaller path
    inside(B, "ip", "link", "set", "eth0", "mtu", "1300")
    for family in families:
        exchange(family, bulk(500000), bulk(100000))
    for thread in waiting:
        thread.join()


def loopback(folder):
    capture = Capture(folder, A, "lo")
    for family in (socket.AF_INET, socket.AF_INET6):
        where = ("127.0.0.1" if family == socket.AF_INET else "::1", SERVER)
        for client, server in ((bulk(1000000), drain), (ask, answer), (bulk(10), bulk(10)), (abort, drain_or_reset)):
            exchange(family, client, server, where=where)
    inside(A, "ping", "-q", "-c2", "-i0.2", "127.0.0.1", check=False)
    inside(A, "ping", "-q", "-c2", "-i0.2", "::1", check=False)
    time.sleep(0.3)
    capture.end()
    return capture.path


def judge(what, *arguments):
    done = subprocess.run([WEIR, "referee", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    print("%s: %s" % (what, lines[-1] if lines else ""))
    if done.returncode:
        print("\n".join(lines[:30]))
    return done.returncode == 0


def main():
    if os.geteuid() != 0:
        skip("needs root: network namespaces and tcpdump")
    if not hasattr(os, "setns"):
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)

        def setns(fd, kind):
            if libc.setns(fd, kind):
                raise OSError(ctypes.get_errno(), "setns")
        os.setns = setns
    for tool in ("tcpdump", "ethtool", "nft", "ip", "ping"):
        if not shutil.which(tool):
            skip("needs " + tool)
    if run("unshare", "--net", "true", check=False).returncode:
        skip("needs network namespaces")
    folder = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="weir-referee-")
    try:
        build()
        captures = [Capture(folder, A, "eth0"), Capture(folder, B, "eth0"), Capture(folder, ROUTER, "left")]
        begin()
        workloads()
        time.sleep(1)
        for capture in captures:
            capture.end()
        paths = [capture.path for capture in captures]
        a, b = (["--local=" + address for address in ADDRESSES[end]] for end in "ab")
        results = [judge("sent by one end", "--complete", *a, paths[0]), judge("sent by the other", "--complete", *b, paths[1]),
                   judge("seen between", paths[2]), judge("both, seen from one end", paths[0]),
                   judge("loopback", "--offloads", "--complete", loopback(folder))]
    finally:
        for space in SPACES.values():
            space.end()
        if len(sys.argv) <= 2:
            shutil.rmtree(folder)
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
