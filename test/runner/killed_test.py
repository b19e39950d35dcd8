#!/usr/bin/python3
"""Programs that are killed at one of their socket calls, each in turn: the machine is then as it was before.

KILLED_EVERY=1 test/runner/killed_test.py    at every call; else at every other one"""
import os
import re
import shutil
import subprocess
import tempfile
import time

from harness import WEIR, main, python, weir

EVERY = int(os.environ.get("KILLED_EVERY", "2"))
LIMIT_S = 10
SHOWN = ("net/sockstat", "net/sockstat6", "net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/raw", "net/unix", "net/packet", "net/igmp", "net/ptype")
CALLS = ("network,read,write,readv,writev,close,dup,dup2,dup3,fcntl,ioctl,poll,ppoll,select,pselect6,epoll_create1,epoll_ctl,epoll_wait,"
         "epoll_pwait,clone,fork,vfork")
IMPORTS = "import fcntl, os, select, socket, struct, threading\nhere = ('127.0.0.1', 0)\n"


def baseline():
    """What the machine shows; no run, no socket. Inodes and numbers of what has ended are not in it."""
    return re.search(r"\d+ runs?, \d+ sockets?", weir("ls").stdout).group(0), weir("cat", *SHOWN).stdout


def used_kib():
    return int(re.search(r"(\d+) KiB", weir("ls").stdout).group(1))


def socket_calls(command):
    """[(call, which of its kind)] of a run, from each process's first socket on."""
    with tempfile.NamedTemporaryFile("r") as log:
        done = subprocess.run([WEIR, "run", "--", "strace", "-f", "-o", log.name, "-e", "trace=" + CALLS, *command], timeout=20,
                              capture_output=True, text=True)
        assert done.returncode == 0, done
        counts, begun, found = {}, False, []
        for pid, name in re.findall(r"^(\d+) +(\w+)\(", log.read(), re.M):
            counts[pid, name] = counts.get((pid, name), 0) + 1
            begun |= name in ("socket", "socketpair")
            if begun and (name, counts[pid, name]) not in found:
                found.append((name, counts[pid, name]))
    return found


def killed_at_each_call(source):
    if not shutil.which("strace"):
        return
    command = python(IMPORTS + source)
    command.insert(1, "-ISE")
    weir("up")
    # So that no connection stays behind for a minute as it should.
    assert subprocess.run([WEIR, "run", "--", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets"]).returncode == 0
    points = socket_calls(command)
    before, used = baseline(), used_kib()
    for name, nth in points[::EVERY]:
        done = subprocess.run([WEIR, "run", "--", "strace", "-f", "-o", "/dev/null", "-e", "trace=" + name,
                               "-e", "inject=%s:signal=KILL:when=%d" % (name, nth), *command], capture_output=True, timeout=20)
        assert done.returncode == -9 or "fork" in source, (name, nth, done)
        end = time.monotonic() + LIMIT_S
        while (now := baseline()) != before:
            assert time.monotonic() < end, "killed at %s %d, the machine has\n%s\nnot\n%s" % (name, nth, "\n".join(now), "\n".join(before))
            time.sleep(0.02)
    assert used_kib() <= used + 1, (used, used_kib())  # of all these deaths together
    weir("down")


def test_tcp():
    killed_at_each_call("""
s = socket.create_server(here); c = socket.create_connection(s.getsockname()); a, _ = s.accept()
c.setsockopt(6, 1, 1); c.sendmsg([b'z' * 50000]); a.recvmsg(5); c.send(b'!', socket.MSG_OOB); a.shutdown(1); c.recv(9); a.close(); c.close()
""")


def test_listener_with_a_full_queue():
    killed_at_each_call("""
s = socket.create_server(here, backlog=1); cs = [socket.socket() for i in range(4)]
for c in cs: c.setblocking(False); c.connect_ex(s.getsockname())
cs[0].close(); s.accept()
""")


def test_udp_and_a_group():
    killed_at_each_call("""
a = socket.socket(type=2); b = socket.socket(type=2); a.bind(here); b.connect(a.getsockname())
a.setsockopt(0, socket.IP_ADD_MEMBERSHIP, bytes([224, 1, 2, 3, 127, 0, 0, 1])); b.send(b'x'); b.sendmsg([b'y']); a.recvfrom(9)
six = socket.socket(10, 2); six.sendto(b'x', ('::1', 9))
""")


def test_epoll():
    killed_at_each_call("""
s = socket.create_server(here); c = socket.create_connection(s.getsockname()); a, _ = s.accept(); e = select.epoll()
for x in s, c, a: e.register(x, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
e.poll(0); os.write(c.fileno(), b'x'); e.poll(0); os.read(a.fileno(), 9); e.unregister(a); d = os.dup2(c.fileno(), 9); c.close(); e.poll(0)
""")


def test_a_thread_that_waits():
    killed_at_each_call("""
s = socket.create_server(here); c = socket.create_connection(s.getsockname()); a, _ = s.accept()
t = threading.Thread(target=a.recv, args=(9,)); t.start(); u = threading.Thread(target=s.accept, daemon=True); u.start()
c.send(b'x'); t.join(); c.getsockopt(1, 4); os._exit(0)
""")


def test_a_child_and_a_socket_in_a_message():
    killed_at_each_call("""
l, r = socket.socketpair(); u = socket.socket(type=2); u.bind(here)
if os.fork() == 0:
    l.close(); _, fds, _, _ = socket.recv_fds(r, 1, 1); os.close(fds[0]) if fds else 0; r.send(b'.'); os._exit(0)
r.close(); socket.send_fds(l, [b'x'], [u.fileno()]); u.close(); l.recv(1); os.wait()
""")


def test_netlink():
    killed_at_each_call("""
n = socket.socket(16, 3, 0); n.bind((0, 1)); n.send(struct.pack('=IHHIIBxHiII', 32, 18, 0x301, 1, 0, 0, 0, 0, 0, 0)); n.recv(1 << 16)
""")


def test_raw_and_packet():
    if os.geteuid() != 0:
        return
    killed_at_each_call("""
p = socket.socket(17, 3, socket.htons(3)); p.bind(('lo', 3)); r = socket.socket(2, 3, 1)
r.sendto(bytes([8, 0, 0xf7, 0xff, 0, 0, 0, 0]), ('127.0.0.1', 0)); r.recv(99); p.recv(99); r.getsockopt(1, 4)
""")


main(globals(), outside=True)
