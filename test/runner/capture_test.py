#!/usr/bin/python3
"""tcpdump on a machine: a ring of packet sockets, filled, filtered and slept on."""
import os
import shutil
import signal
import socket
import subprocess
import time

from harness import main
from sockets import eventually


def start(*arguments):
    process = subprocess.Popen(["tcpdump", "-i", "lo", "-nn", *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("listening"):
            break
    return process


def send(count, port=5001):
    sock = socket.socket(type=socket.SOCK_DGRAM)
    for number in range(count):
        sock.sendto(b"x" * 100, ("127.0.0.1", port))
    return sock


def cpu_seconds(process):
    with open("/proc/%d/stat" % process.pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def state_of(process):
    with open("/proc/%d/stat" % process.pid) as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def test_packets_are_seen():
    if not shutil.which("tcpdump"):
        return
    process = start("-c", "3", "udp", "and", "port", "5001")
    send(1, 5000)
    send(3, 5001)
    lines = process.communicate(timeout=10)[0].splitlines()
    assert len(lines) == 3, lines
    assert all("127.0.0.1.5001: UDP, length 100" in line for line in lines), lines


def test_more_packets_than_frames():
    if not shutil.which("tcpdump"):
        return
    process = start("-c", "200", "-s", "100", "udp", "port", "5001")
    end = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < end:
        send(20)
        time.sleep(0.02)
    assert len(process.communicate()[0].splitlines()) == 200


def test_sleeps_when_nothing_comes():
    if not shutil.which("tcpdump"):
        return
    process = start("udp", "port", "5001")
    send(1)
    eventually(lambda: state_of(process) == "S")
    before = cpu_seconds(process)
    time.sleep(0.7)
    used = cpu_seconds(process) - before
    process.send_signal(signal.SIGINT)
    assert "5001: UDP" in process.communicate(timeout=10)[0]
    assert used < 0.2, used


main(globals())
