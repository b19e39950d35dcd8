#!/usr/bin/python3
"""Programs that mean harm, to the machine or to their neighbours on it."""
import os
import re
import subprocess
import time

from harness import WEIR, counts, main, python, run, until, weir

LIBC = """
import ctypes, fcntl, mmap, os, socket, struct, sys, threading, time, resource, signal
libc = ctypes.CDLL(None, use_errno=True)
def page(): return libc.mmap(None, 4096, 3, 0x22, -1, 0)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.syscall.argtypes = [ctypes.c_long] + [ctypes.c_void_p] * 6
libc.syscall.restype = ctypes.c_long
"""


def start(source):
    return subprocess.Popen([WEIR, "run", "--"] + python(LIBC + source), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


# A page that nobody ever fills. holder: who keeps the userfaultfd open.
ENDLESS_PAGE = """
fd = libc.syscall(323, 0o2000000, None, None, None, None, None)
if fd < 0: print('none', flush=True); sys.exit(0)
fcntl.ioctl(fd, 0xc018aa3f, struct.pack('=QQQ', 0xaa, 0, 0))
address = page()
fcntl.ioctl(fd, 0xc020aa00, struct.pack('=QQQQ', address, 4096, 1, 0))
if %r and os.fork() == 0:
    time.sleep(60); os._exit(0)
sock = socket.socket(type=socket.SOCK_DGRAM)
print('ready', flush=True)
libc.bind(sock.fileno(), ctypes.c_void_p(address), 16)
"""


def test_memory_that_never_comes_holds_nobody_up_for_long():
    for is_held_elsewhere in (False, True):
        weir("up")
        process = start(ENDLESS_PAGE % is_held_elsewhere)
        if process.stdout.readline() == b"none\n":
            return
        time.sleep(0.2)
        begin = time.monotonic()
        assert run("python3", "-c", "import socket; socket.socket()").returncode == 0
        assert time.monotonic() - begin < 8
        process.kill()
        subprocess.run(["true"])
        weir("down")


def test_memory_that_changes_while_it_is_looked_at():
    weir("up")
    process = start("""
address = ctypes.create_string_buffer(struct.pack('=HH4s8x', 2, 0x901f, bytes([127, 0, 0, 1])), 32)
iovs = (ctypes.c_uint64 * 64)()
data = ctypes.create_string_buffer(1 << 16)
message = (ctypes.c_uint64 * 7)(ctypes.addressof(address), 16, ctypes.addressof(iovs), 4, ctypes.addressof(iovs), 32, 0)
wrong = (0, 1, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff, 1 << 40, ctypes.addressof(data), 4096)
child = os.fork
def change():
    import random
    r = random.Random(1)
    while True:
        iovs[r.randrange(64)] = r.choice(wrong); message[r.choice((1, 3, 5))] = r.choice(wrong)
        address[0] = r.randrange(20); iovs[0] = ctypes.addressof(data); iovs[1] = r.randrange(65536)
threading.Thread(target=change, daemon=True).start()
print('ready', flush=True)
end = time.monotonic() + 3
P = ctypes.addressof(message)
while time.monotonic() < end:
    for kind in (1, 2, 3):
        s = socket.socket(type=kind) if kind < 3 else socket.socket(socket.AF_NETLINK, 3, 0)
        s.setblocking(False)
        fd = s.fileno()
        libc.bind(fd, address, 16); libc.connect(fd, address, 16); libc.listen(fd, 1)
        for number in (46, 47):
            libc.syscall(number, fd, P, 0x40, None, None, None)
        libc.syscall(307, fd, P, 2, 0x40, None, None); libc.syscall(299, fd, P, 2, 0x40, None, None)
        libc.syscall(20, fd, ctypes.addressof(iovs), 8, None, None, None)
        s.close()
""")
    assert process.stdout.readline() == b"ready\n"
    pid = re.search(r"pid (\d+)", weir("ls").stdout).group(1)
    for _ in range(10):
        assert run("python3", "-c", "import socket; a = socket.create_server(('127.0.0.1', 0)); "
                   "b = socket.create_connection(a.getsockname()); b.send(b'x'); assert a.accept()[0].recv(1) == b'x'").returncode == 0
    process.communicate(timeout=15)
    assert re.search(r"pid (\d+)", weir("ls").stdout).group(1) == pid
    until(lambda: counts() == (0, 0), counts)
    weir("down")


def test_sockets_until_the_table_is_full():
    """Both its own and, with several at it, the machine's: the error is the program's, and all comes back."""
    weir("up")
    source = """
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
held = []
try:
    while len(held) < 30000: held.append(socket.socket())
except OSError as error: print('errno', error.errno, len(held))
print('ready', flush=True); sys.stdin.readline()
"""
    pid = re.search(r"pid (\d+)", weir("ls").stdout).group(1)
    limit = int(re.search(r"open files\s+(\d+)", open("/proc/%s/limits" % pid).read()).group(1)) if os.geteuid() == 0 else 0
    subprocess.run(["prlimit", "--pid", pid, "--nofile=600"], check=True)
    process = subprocess.Popen([WEIR, "run", "--"] + python(LIBC + source), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    line = process.stdout.readline().split()
    assert line[0] == b"errno" and line[1] in (b"23", b"24") and int(line[2]) > 100, line  # ENFILE, EMFILE
    process.communicate(b"\n")
    until(lambda: counts() == (0, 0), counts)
    assert run("python3", "-c", "import socket; socket.socket()").returncode == 0
    weir("down")


EACH_CALL = """
import select
s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); a, _ = s.accept()
c.setsockopt(6, 1, 1); c.getsockopt(1, 4); c.getpeername(); c.send(bytes(100)); a.recv(10); c.sendmsg([b'z']); a.recvmsg(5)
os.write(c.fileno(), b'y'); os.read(a.fileno(), 200); open('/proc/net/tcp').read()
os.dup2(c.fileno(), 7); os.write(7, b'q'); a.recv(1); c.shutdown(2); a.close()
"""
CALLS = ("socket bind listen connect accept4 getsockname setsockopt getsockopt getpeername sendto recvfrom sendmsg recvmsg "
         "shutdown dup2 ioctl").split()


def test_killed_in_each_call():
    weir("up")
    for call in CALLS:
        result = run("strace", "-f", "-o", "/dev/null", "-e", "inject=%s:signal=KILL:when=1" % call, *python(LIBC + EACH_CALL))
        assert result.returncode == -9, (call, result)
    until(lambda: counts() == (0, 0), counts)
    weir("down")


AFTER_SETUID = """
import errno
def answer_of(sock):
    body = struct.pack('=BxHiII', 0, 0, 1, 0, 1)
    sock.send(struct.pack('=IHHII', 16 + len(body), 16, 5, 1, 0) + body)
    return -struct.unpack_from('=i', sock.recv(1000), 16)[0]
def marked(sock):
    try: return sock.sendmsg([b'x'], [(1, 36, struct.pack('i', 5))], 0, ('127.0.0.1', 9))
    except OSError as error: return error.errno
netlink = socket.socket(socket.AF_NETLINK, 3, 0); netlink.bind((0, 0))
datagrams = socket.socket(type=2)
print(answer_of(netlink), marked(datagrams))
%s
print(answer_of(netlink), marked(datagrams))
"""


def test_privileges_that_were_given_up_are_gone():
    if os.geteuid() != 0:
        return
    drop_all = "header = struct.pack('=Ii', 0x20080522, 0); none = bytes(24)\n" \
               "assert libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(none)) == 0\n"
    for way in ("os.setuid(65534)", "os.seteuid(65534)", "os.setresuid(65534, 65534, 65534)", drop_all):
        result = run(*python(LIBC + AFTER_SETUID % way))
        assert result.stdout == "0 1\n1 1\n", (way, result)


def test_a_stopped_program_stops_nobody_else():
    weir("up")
    process = start("""
def call():
    while True:
        s = socket.socket(); s.close()
threading.Thread(target=call, daemon=True).start(); print('ready', flush=True); call()
""")
    assert process.stdout.readline() == b"ready\n"
    for _ in range(10):
        process.send_signal(19)
        begin = time.monotonic()
        assert run("python3", "-c", "import socket; socket.socket()").returncode == 0
        assert time.monotonic() - begin < 3
        process.send_signal(18)
        time.sleep(0.02)
    process.kill()
    process.communicate()
    until(lambda: counts() == (0, 0), counts)
    weir("down")


main(globals(), outside=True)
