#!/usr/bin/python3
"""Calls that wait, and signals: EINTR, SA_RESTART, SIGPIPE, death."""
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import main
from sockets import connected, eventually, listener, parked, receive_all


class Interrupted(Exception):
    pass


def raise_interrupted(*_):
    raise Interrupted


def alarm(handler, seconds=0.1, restart=False):
    signal.signal(signal.SIGALRM, handler)
    signal.siginterrupt(signal.SIGALRM, not restart)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def is_interrupted(call):
    alarm(raise_interrupted)
    try:
        call()
    except Interrupted:
        return True
    return False


def test_recv_is_interrupted():
    _, client, server = connected()
    assert is_interrupted(lambda: server.recv(1))
    client.send(b"after")
    assert server.recv(10) == b"after"


def test_accept_is_interrupted_and_the_next_gets_the_connection():
    server = listener()
    assert is_interrupted(server.accept)
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    client.send(b"x")
    assert accepted.recv(1) == b"x"


def test_recv_is_restarted():
    _, client, server = connected()
    ticks = []
    alarm(lambda *_: ticks.append(1), 0.05, restart=True)
    threading.Timer(0.2, lambda: client.send(b"late")).start()
    assert server.recv(10) == b"late"
    assert ticks


def test_a_storm_of_signals_loses_nothing():
    server = listener()
    total = 4 << 20
    pid = os.fork()
    if pid == 0:
        client = socket.create_connection(server.getsockname())
        client.sendall(b"0123456789abcdef" * (total // 16))
        os._exit(0)
    accepted, _ = server.accept()
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    data = receive_all(accepted)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert len(data) == total
    assert data == b"0123456789abcdef" * (total // 16)
    assert os.waitpid(pid, 0)[1] == 0


def test_interrupted_then_closed_is_seen_by_the_peer_at_once():
    _, client, server = connected()
    assert is_interrupted(lambda: server.recv(1))
    server.close()
    client.settimeout(2)
    assert client.recv(1) == b""


def test_sigpipe_kills():
    _, client, server = connected()
    server.close()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        while True:
            client.send(b"x")
            time.sleep(0.01)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGPIPE


def test_msg_nosignal_and_sig_ign():
    for flags, action in ((socket.MSG_NOSIGNAL, signal.SIG_DFL), (0, signal.SIG_IGN)):
        _, client, server = connected()
        server.close()
        signal.signal(signal.SIGPIPE, action)
        try:
            for _ in range(10):
                client.send(b"x", flags)
                time.sleep(0.01)
            assert False
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            client.send(b"x", flags)
            assert False
        except BrokenPipeError:
            pass


def test_send_after_own_shutdown_is_epipe():
    _, client, server = connected()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    client.shutdown(socket.SHUT_WR)
    for call in (lambda: client.send(b"x"), lambda: os.write(client.fileno(), b"x"),
                 lambda: os.writev(client.fileno(), [b"x"]), lambda: client.sendmsg([b"x"])):
        try:
            call()
            assert False
        except BrokenPipeError:
            pass
    server.send(b"still readable")
    assert client.recv(100) == b"still readable"


def test_a_thread_killed_in_recv_lets_go():
    _, client, server = connected()
    waits, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        client.close()
        thread = threading.Thread(target=lambda: server.recv(1))
        thread.start()
        parked(thread.native_id)
        os.write(told, b"x")
        time.sleep(60)
    server.close()
    os.read(waits, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    client.settimeout(2)
    assert client.recv(1) == b""


def test_closed_by_another_thread_and_woken_by_a_signal():
    _, client, server = connected()
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.siginterrupt(signal.SIGUSR1, True)
    number = server.detach()
    done = threading.Event()

    def receive():
        import ctypes
        ctypes.CDLL(None).recv(number, ctypes.create_string_buffer(10), 10, 0)
        done.set()
        time.sleep(3)
    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    parked(thread.native_id)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, number)
    client.settimeout(0.2)
    try:
        client.recv(1)
        assert False, "the call that waits keeps the connection"
    except TimeoutError:
        pass
    signal.pthread_kill(thread.ident, signal.SIGUSR1)
    assert done.wait(2)
    client.settimeout(2)
    assert client.recv(1) == b""
    os._exit(0)


def test_recv_timeout_option():
    _, client, server = connected()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, (0).to_bytes(8, "little") + (100000).to_bytes(8, "little"))
    start = time.monotonic()
    try:
        server.recv(1)
        assert False
    except BlockingIOError:
        pass
    assert 0.05 < time.monotonic() - start
    client.close()


def test_stopped_and_continued():
    _, client, server = connected()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if server.recv(10) == b"x" else 1)
    parked(pid, process=pid)
    os.kill(pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    client.send(b"x")
    os.kill(pid, signal.SIGCONT)
    assert os.waitpid(pid, 0)[1] == 0


main(globals())
