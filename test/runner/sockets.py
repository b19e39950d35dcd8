"""Small helpers for tests that run on a machine."""
import os
import socket
import time


def listener(port=0, backlog=8):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen(backlog)
    return server


def connected():
    """listener, client, server's end"""
    server = listener()
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    return server, client, accepted


def receive_all(sock):
    data = b""
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def eventually(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.005)


# recvfrom, accept, accept4, recvmsg, epoll_wait, epoll_pwait
WAITING_CALLS = {"x86_64": {45, 43, 288, 47, 232, 281}, "aarch64": {207, 202, 242, 212, 22}}[os.uname().machine]


def is_in_call(thread, process="self"):
    with open("/proc/%s/task/%d/syscall" % (process, thread)) as file:
        number = file.read().split()[0]
    return number.isdigit() and int(number) in WAITING_CALLS


def parked(*threads, process="self"):
    """Until these threads sleep in calls that the machine has in hand: it is given them in the order they were made, and
    answers one that was made later."""
    eventually(lambda: all(is_in_call(thread, process) for thread in threads))
    socket.socket().close()
