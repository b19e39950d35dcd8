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

from harness import WEIR, main, python, run, weir

PAIR = """
import socket, sys, time, threading, select, os
server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()
client = socket.create_connection(server.getsockname()); accepted, _ = server.accept()
"""


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
    return time.monotonic()


def ends_soon(process, since):
    output, _ = process.communicate(timeout=5)
    assert time.monotonic() - since < 1
    return output


def test_a_waiting_call_fails_at_once():
    process = start("print('ready', flush=True)\ntry: client.recv(1)\nexcept OSError as e: print(e.errno)\n")
    assert ends_soon(process, kill_machine()).strip() != b""


def test_a_poller_is_told():
    process = start("print('ready', flush=True)\np = select.poll(); p.register(client, select.POLLIN)\nprint(p.poll(5000))\n")
    assert b"(" in ends_soon(process, kill_machine())


def test_under_load():
    process = start("""
def pump():
    while True: client.send(bytes(10000))
threading.Thread(target=pump, daemon=True).start()
print('ready', flush=True)
try:
    while accepted.recv(65536): pass
except OSError: pass
os._exit(0)
""")
    time.sleep(0.2)
    ends_soon(process, kill_machine())


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


def test_sigterm_ends_it_properly():
    weir("up")
    os.kill(machine_pid(), signal.SIGTERM)
    for _ in range(100):
        if weir("ls").stdout == "":
            return
        time.sleep(0.02)
    assert False


def counts():
    match = re.search(r"(\d+) runs?, (\d+) sockets?", weir("ls").stdout)
    return int(match.group(1)), int(match.group(2))


def until(is_so, what_is, limit_s=10):
    """The machine hears of an end when it is scheduled next."""
    end = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end, what_is()
        time.sleep(0.02)


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
        size = (0, 1, 15, 528, 529, 5000)[i % 6]
        try:
            for _ in range(2):
                socket.send_fds(sock, [os.urandom(size) or b"\0"], [0] * (i % 5) or [1])
        except (BrokenPipeError, ConnectionResetError):
            pass
        sock.close()
    for verb in range(20):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(path)
        if verb != 7:  # down
            sock.send(struct.pack("=IIiI", 1, verb, 0, 64) + b"a" * 512)
            sock.settimeout(2)
            assert len(sock.recv(1000)) == 516
        sock.close()
    assert machine_pid() == pid
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


main(globals(), outside=True)
