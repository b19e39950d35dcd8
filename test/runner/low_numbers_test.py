#!/usr/bin/python3
"""--low-numbers: sockets get the numbers Linux gives."""
import os
import shutil
import subprocess
import sys

from harness import WEIR, main, python, weir

LOW = """
import socket, os, subprocess
first = os.dup(0); os.close(first)
server = socket.socket()
assert server.fileno() == first, (server.fileno(), first)
server.bind(('127.0.0.1', 0)); server.listen()
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
assert (client.fileno(), accepted.fileno()) == (first + 1, first + 2)
client.send(b'x'); assert accepted.recv(1) == b'x'
os.dup2(accepted.fileno(), 0)
client.send(b'through 0'); assert os.read(0, 100) == b'through 0'
a, b = os.pipe(); os.write(b, b'pipe'); assert os.read(a, 10) == b'pipe'
client.send(b'child\\n'); client.shutdown(socket.SHUT_WR)
assert subprocess.run(['cat'], stdin=accepted, capture_output=True).stdout == b'child\\n'
print('done')
"""


def test_numbers_and_data():
    for extra in ({}, {"WEIR_SUPERVISE": "1"}):
        result = weir("run", "--low-numbers", "--", *python(LOW), env={**os.environ, **extra})
        assert result.stdout == "done\n", result


def test_errors_are_said_all_the_same():
    result = weir("run", "--low-numbers", "/no/such/program")
    assert (result.returncode, result.stderr) == (127, "weir: /no/such/program: No such file or directory\n")


def test_systemd_socket_activate_gets_it_unasked():
    program = shutil.which("systemd-socket-activate")
    if not program:
        return
    process = subprocess.Popen([WEIR, "run", program, "-l", "127.0.0.1:7000", "cat"],
                               stderr=subprocess.PIPE, text=True)
    assert "Listening on 127.0.0.1:7000 as 3." in process.stderr.readline()
    process.kill()


def test_systemd_socket_activate_gets_it_through_a_shell():
    program = shutil.which("systemd-socket-activate")
    if not program:
        return
    process = subprocess.Popen([WEIR, "run", "sh", "-c", program + " -l 127.0.0.1:7000 cat; true"],
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert "Listening on 127.0.0.1:7000 as 3." in process.stderr.readline()
    os.killpg(process.pid, 9)


def test_wrk_makes_its_requests_through_a_shell():
    program = shutil.which("wrk")
    if not program:
        return
    server = subprocess.Popen([WEIR, "run", sys.executable, "-m", "http.server", "-b", "127.0.0.1", "8000"],
                              cwd=os.path.dirname(os.path.abspath(__file__)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert weir("run", *python("""
import socket, time
while socket.socket().connect_ex(('127.0.0.1', 8000)): time.sleep(0.05)
""")).returncode == 0
    for connections in ("2", "40"):  # all of them on low numbers; not all
        result = weir("run", "sh", "-c", program + " -t2 -d1 -c%s http://127.0.0.1:8000/harness.py; true" % connections)
        requests = [line for line in result.stdout.splitlines() if "requests in" in line]
        assert requests and int(requests[0].split()[0]) > 0 and "unable" not in result.stderr, result
    server.kill()
    server.communicate()


def test_the_environment_asks_for_it():
    for wish, is_low in (("1", True), ("0", False), ("", False)):
        result = weir("run", "sh", "-c", "exec " + " ".join("'%s'" % a.replace("'", '"') for a in python(
            "import socket; print(socket.socket().fileno() < 32)")), env={**os.environ, "WEIR_LOW_NUMBERS": wish})
        assert result.stdout == "%s\n" % is_low, result


main(globals(), outside=True)
