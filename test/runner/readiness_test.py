#!/usr/bin/python3
"""poll, select and epoll on weir sockets are the kernel's own: levels and edges as on Linux."""
import errno
import os
import select
import socket
import threading

from harness import main
from sockets import connected, eventually, listener

IN, OUT, RDHUP, HUP, ERR = select.EPOLLIN, select.EPOLLOUT, select.EPOLLRDHUP, select.EPOLLHUP, select.EPOLLERR


def level(sock):
    poller = select.poll()
    poller.register(sock.fileno(), select.POLLIN | select.POLLOUT | select.POLLRDHUP | select.POLLPRI)
    events = poller.poll(0)
    return events[0][1] if events else 0


def edges(sock, mask=IN | OUT | RDHUP):
    epoll = select.epoll()
    epoll.register(sock.fileno(), mask | select.EPOLLET)

    def take(timeout=0):
        events = epoll.poll(timeout)
        return events[0][1] if events else 0
    return take


def test_levels_of_a_connection():
    _, client, server = connected()
    assert level(server) == OUT
    client.send(b"data")
    assert level(server) == IN | OUT
    server.recv(2)
    assert level(server) == IN | OUT
    server.recv(2)
    assert level(server) == OUT


def test_a_listener_is_readable_when_a_connection_waits():
    server = listener()
    assert level(server) == 0
    client = socket.create_connection(server.getsockname())
    assert level(server) == IN
    server.accept()
    assert level(server) == 0
    client.close()


def test_edges_on_each_arrival():
    _, client, server = connected()
    take = edges(server)
    assert take() == OUT
    assert take() == 0
    client.send(b"one")
    assert take() == IN | OUT
    assert take() == 0
    client.send(b"two")
    assert take() == IN | OUT
    server.recv(1)
    assert take() == 0
    client.send(b"three")
    assert take() == IN | OUT
    assert server.recv(100) == b"netwothree"
    assert take() == 0
    client.send(b"four")
    assert take() == IN | OUT


def test_level_triggered_epoll():
    _, client, server = connected()
    epoll = select.epoll()
    epoll.register(server.fileno(), IN)
    client.send(b"xy")
    for _ in range(3):
        assert epoll.poll(0) == [(server.fileno(), IN)]
    server.recv(1)
    assert epoll.poll(0) == [(server.fileno(), IN)]
    server.recv(1)
    assert epoll.poll(0) == []


def test_oneshot():
    _, client, server = connected()
    epoll = select.epoll()
    epoll.register(server.fileno(), IN | select.EPOLLONESHOT)
    client.send(b"x")
    assert epoll.poll(0) == [(server.fileno(), IN)]
    client.send(b"y")
    assert epoll.poll(0) == []
    epoll.modify(server.fileno(), IN | select.EPOLLONESHOT)
    assert epoll.poll(0) == [(server.fileno(), IN)]


def test_writable_comes_back_as_an_edge():
    _, client, server = connected()
    client.setblocking(False)
    take = edges(client, OUT)
    assert take() == OUT
    sent = 0
    try:
        while True:
            sent += client.send(bytes(65536))
    except BlockingIOError:
        pass
    assert level(client) == 0
    assert take() == 0
    received = 0
    while received < sent:
        received += len(server.recv(1 << 20))
    assert take(5) == OUT
    eventually(lambda: level(client) == OUT)


def test_a_sleeper_in_poll_is_woken():
    _, client, server = connected()
    threading.Timer(0.1, lambda: client.send(b"x")).start()
    poller = select.poll()
    poller.register(server.fileno(), select.POLLIN)
    assert poller.poll(5000) == [(server.fileno(), select.POLLIN)]


def test_the_peers_end():
    _, client, server = connected()
    take = edges(server)
    take()
    client.shutdown(socket.SHUT_WR)
    eventually(lambda: level(server) & select.POLLRDHUP)
    assert level(server) == IN | OUT | RDHUP
    assert take() == IN | OUT | RDHUP
    assert server.recv(1) == b""
    server.send(b"still")
    assert client.recv(10) == b"still"


def test_both_ends():
    _, client, server = connected()
    client.shutdown(socket.SHUT_WR)
    eventually(lambda: level(server) & select.POLLRDHUP)
    server.shutdown(socket.SHUT_WR)
    eventually(lambda: level(server) & select.POLLHUP)
    assert level(server) == IN | OUT | RDHUP | HUP
    assert server.recv(1) == b""


def test_a_reset():
    _, client, server = connected()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    eventually(lambda: level(server) & select.POLLHUP)
    assert level(server) == IN | OUT | RDHUP | HUP | ERR
    try:
        server.recv(1)
        assert False
    except ConnectionResetError:
        pass
    assert server.recv(1) == b""


def test_nonblocking_connect():
    server = listener()
    client = socket.socket()
    client.setblocking(False)
    assert client.connect_ex(server.getsockname()) == errno.EINPROGRESS
    assert select.select([], [client], [], 5)[1] == [client]
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert client.connect_ex(server.getsockname()) in (0, errno.EISCONN)


def test_nonblocking_connect_refused():
    server = listener()
    address = server.getsockname()
    server.close()
    client = socket.socket()
    client.setblocking(False)
    assert client.connect_ex(address) in (errno.EINPROGRESS, errno.ECONNREFUSED)
    assert select.select([], [client], [], 5)[1] == [client]
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED)


def test_a_refused_socket_may_connect_again():
    server = listener()
    address = server.getsockname()
    server.close()
    client = socket.socket()
    for _ in range(2):
        assert client.connect_ex(address) == errno.ECONNREFUSED
    server = listener(address[1])
    client.connect(address)
    accepted, _ = server.accept()
    client.send(b"at last")
    assert accepted.recv(10) == b"at last"
    assert level(accepted) == OUT


def test_mixed_with_files_of_the_host():
    _, client, server = connected()
    read_end, write_end = os.pipe()
    a, b = socket.socketpair()
    epoll = select.epoll()
    for fd in (read_end, a.fileno(), server.fileno()):
        epoll.register(fd, IN)
    assert epoll.poll(0) == []
    os.write(write_end, b"x")
    b.send(b"x")
    client.send(b"x")
    eventually(lambda: len(epoll.poll(0)) == 3)
    assert dict(epoll.poll(0)) == {read_end: IN, a.fileno(): IN, server.fileno(): IN}


def test_datagrams():
    a, b = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    a.bind(("127.0.0.1", 0))
    assert level(a) == OUT
    take = edges(a)
    assert take() == OUT
    for text in (b"one", b"two"):
        b.sendto(text, a.getsockname())
        assert take() == IN | OUT
    assert a.recv(100) == b"one"
    assert level(a) == IN | OUT
    assert a.recv(100) == b"two"
    assert level(a) == OUT


def test_epoll_exclusive_wakes_one():
    server = listener()
    woken = []

    def wait():
        epoll = select.epoll()
        epoll.register(server.fileno(), IN | select.EPOLLEXCLUSIVE)
        if epoll.poll(1):
            woken.append(1)
    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    import time
    time.sleep(0.2)
    client = socket.create_connection(server.getsockname())
    for thread in threads:
        thread.join()
    assert len(woken) == 1, woken
    client.close()


main(globals())
