#!/usr/bin/python3
"""What happens to programs when their machine dies, and to the machine when programs do."""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

from harness import WEIR, counts, main, python, run, until, weir

PAIR = """
import socket, sys, time, threading, select, os
sys.path.insert(0, %r)
import sockets
server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()
client = socket.create_connection(server.getsockname()); accepted, _ = server.accept()
""" % os.path.dirname(os.path.abspath(__file__))


def machine_pid():
    return int(re.search(r"pid (\d+)", weir("ls").stdout).group(1))


def start(source):
    process = subprocess.Popen([WEIR, "run", "--"] + python(PAIR + source), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    assert process.stdout.readline() == b"ready\n"
    return process


def kill_machine():
    pid = machine_pid()
    os.kill(pid, signal.SIGKILL)


def output_of(process):
    return process.communicate(timeout=15)[0]


WAITS_IN_RECV = """
def tell(): sockets.parked(threading.main_thread().native_id); print('ready', flush=True)
threading.Thread(target=tell).start()
try: client.recv(1)
except OSError as e: print(e.errno)
"""


def test_a_waiting_call_fails_at_once():
    process = start(WAITS_IN_RECV)
    kill_machine()
    assert output_of(process).strip() != b""


def test_a_poller_is_told():
    process = start("print('ready', flush=True)\np = select.poll(); p.register(client, select.POLLIN)\nprint(p.poll(5000))\n")
    kill_machine()
    assert b"(" in output_of(process)


def test_under_load():
    process = start("""
def pump():
    while True: client.send(bytes(10000))
threading.Thread(target=pump, daemon=True).start()
accepted.recv(65536)
print('ready', flush=True)
try:
    while accepted.recv(65536): pass
except OSError: pass
os._exit(0)
""")
    kill_machine()
    output_of(process)


def test_the_next_run_starts_afresh():
    for _ in range(3):
        process = start("print('ready', flush=True)\ntime.sleep(0.3)\n")
        kill_machine()
        assert run("true").returncode == 0
        process.communicate()


def test_calls_after_its_death_fail():
    process = start("print('ready', flush=True)\ntime.sleep(0.5)\ntry: socket.socket()\nexcept OSError as e: print('refused')\n")
    kill_machine()
    assert b"refused" in process.communicate(timeout=5)[0]


DEAD_WAYS = (kill_machine, lambda: weir("down"))

ERRORS_AFTERWARDS = """
from errno import errorcode as e
unixes = socket.socketpair(socket.AF_UNIX)
fcntl_file = os.dup2(os.open('/etc/passwd', os.O_RDONLY), 200)
unix_high = os.dup2(unixes[0].fileno(), 201)
datagrams = socket.socket(type=socket.SOCK_DGRAM); datagrams.bind(('127.0.0.1', 0))
def errno_of(call):
    try: return 'ok %r' % (call(),)
    except OSError as error: return e[error.errno]
def parked(call): threads.append(threading.Thread(target=lambda: said.append(errno_of(call)))); threads[-1].start()
threads, said = [], []
parked(lambda: client.recv(1)); parked(server.accept); parked(lambda: datagrams.recvfrom(1))
sockets.parked(*[thread.native_id for thread in threads])
print('ready', flush=True); sys.stdin.readline()
for t in threads: t.join()
print(sorted(said))
print([errno_of(c) for c in (socket.socket, server.accept, lambda: client.recv(1), lambda: client.send(b'x'),
      lambda: os.read(client.fileno(), 1), lambda: os.write(client.fileno(), b'x'), client.getpeername,
      lambda: client.shutdown(2), lambda: socket.socket().bind(('127.0.0.1', 1)), lambda: datagrams.sendto(b'x', ('127.0.0.1', 9)),
      lambda: open('/proc/net/tcp').read(), lambda: open('/proc/sys/net/ipv4/ip_forward', 'w'),
      lambda: os.sendfile(client.fileno(), 200, 0, 10))])
assert os.read(200, 4) and os.read(os.open('/etc/passwd', os.O_RDONLY), 4)
unixes[1].send(b'host'); assert os.read(unix_high, 10) == b'host'
unixes[0].send(b'back'); assert unixes[1].recv(10) == b'back'
import subprocess; assert subprocess.run(['true']).returncode == 0
"""


def test_afterwards_the_network_is_gone_and_the_rest_goes_on():
    for end, extra in ((DEAD_WAYS[0], {}), (DEAD_WAYS[1], {}), (DEAD_WAYS[0], {"WEIR_SUPERVISE": "1"})):
        weir("up")
        process = subprocess.Popen([WEIR, "run", "--"] + python(PAIR + ERRORS_AFTERWARDS), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **extra})
        assert process.stdout.readline() == "ready\n", process.communicate()
        end()
        output, _ = process.communicate("go on\n", timeout=5)
        assert output.splitlines() == [
            "['ECONNRESET', 'ECONNRESET', 'EINVAL']",
            "['ENETDOWN', 'EINVAL', 'ECONNRESET', 'ECONNRESET', 'ECONNRESET', 'ECONNRESET', 'ENOTCONN', 'ENOTCONN', "
            "'ENETDOWN', 'ECONNRESET', 'ENETDOWN', 'ENETDOWN', 'ECONNRESET']"], output
        assert process.returncode == 0


def cpu_seconds(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_program_that_only_asks_again_does_not_spin():
    weir("up")
    process = start("""
print('ready', flush=True)
poller = select.poll(); poller.register(server, select.POLLIN)
while True:
    try: poller.poll(); server.accept()
    except OSError: pass
""")
    kill_machine()
    time.sleep(0.3)
    before = cpu_seconds(process.pid)
    time.sleep(2)
    used = cpu_seconds(process.pid) - before
    process.kill()
    process.communicate()
    assert used < 0.1, used


def guardians():
    found = []
    for pid in os.listdir("/proc"):
        try:
            environment = open("/proc/%s/environ" % pid, "rb").read() if pid.isdigit() else b""
            if os.environ["XDG_RUNTIME_DIR"].encode() in environment and "guardian" in open("/proc/%s/comm" % pid).read():
                found.append(pid)
        except OSError:
            pass
    return found


def test_the_guardian_ends_with_the_last_program():
    if os.geteuid() != 0:
        return
    weir("up")
    process = start("print('ready', flush=True)\ntime.sleep(60)\n")
    kill_machine()
    until(lambda: len(guardians()) == 1, guardians)
    process.kill()
    process.communicate()
    until(lambda: not guardians(), guardians)


def test_without_its_guardian_the_machine_goes_on():
    if os.geteuid() != 0:
        return
    weir("up")
    until(guardians, lambda: "none has its name yet")
    for pid in guardians():
        os.kill(int(pid), signal.SIGKILL)
    process = start("client.send(b'x'); assert accepted.recv(1) == b'x'; print('ready', flush=True)\n")
    assert process.communicate(timeout=5)[0] == b"" and process.returncode == 0
    process = start(WAITS_IN_RECV)
    kill_machine()
    output = output_of(process)
    assert b"38" in output, output


def test_sigterm_ends_it_properly():
    weir("up")
    os.kill(machine_pid(), signal.SIGTERM)
    until(lambda: weir("ls").stdout == "", lambda: "it runs")


def test_dead_programs_leave_nothing():
    weir("up")
    pid = machine_pid()
    for _ in range(20):
        process = start("""
for _ in range(20): os.fork() if len(os.listdir('/proc/self/fd')) < 3 else None
threads = [threading.Thread(target=lambda: client.recv(1)) for _ in range(5)]
for t in threads: t.start()
print('ready', flush=True)
time.sleep(60)
""")
        process.kill()
        process.wait()
    until(lambda: counts() == (0, 0), counts)
    fds = len(os.listdir("/proc/%d/fd" % pid)) if os.geteuid() == 0 else 0
    assert fds < 20, fds
    weir("down")


def test_nonsense_on_the_control_socket():
    weir("up")
    pid = machine_pid()
    path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "weir", "default.sock")
    before = len(os.listdir("/proc/%d/fd" % pid)) if os.geteuid() == 0 else 0
    for i in range(200):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(path)
        size = (0, 1, 15, 536, 537, 5000)[i % 6]
        try:
            for _ in range(2):
                socket.send_fds(sock, [os.urandom(size) or b"\0"], [0] * (i % 5) or [1])
        except (BrokenPipeError, ConnectionResetError):
            pass
        sock.close()
    for verb in range(20):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(path)
        if verb == 2:  # a run whose listener is no listener
            socket.send_fds(sock, [struct.pack("=IIiIQ", 2, verb, 0, 32, 0) + bytes(512)], [0, 1])
            sock.settimeout(2)
            assert struct.unpack_from("=i", sock.recv(1000))[0] < 0
        if verb != 7:  # down
            sock.send(struct.pack("=IIiIQ", 2, verb, 0, 64, 1) + b"a" * 512)
            sock.settimeout(2)
            assert len(sock.recv(1000)) == 516
        sock.close()
    assert machine_pid() == pid and counts() == (0, 0)
    if os.geteuid() == 0:
        until(lambda: len(os.listdir("/proc/%d/fd" % pid)) <= before + 1, lambda: (before, os.listdir("/proc/%d/fd" % pid)))
    weir("down")


def test_killed_at_random_moments():
    weir("up")
    for i in range(30):
        process = subprocess.Popen([WEIR, "run", "--"] + python(PAIR + """
while True:
    client.send(b'x' * 5000); accepted.recv(5000)
    s = socket.create_connection(server.getsockname()); server.accept()[0].close(); s.close()
"""), stderr=subprocess.DEVNULL)
        time.sleep(0.08 + 0.003 * i)
        process.kill()
        process.wait()
    until(lambda: counts() == (0, 0), counts)
    weir("down")


if __name__ == "__main__":
    main(globals(), outside=True)
