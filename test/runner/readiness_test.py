#!/usr/bin/python3
"""poll, select and epoll on weir sockets are the kernel's own: levels and edges as on Linux."""
import errno
import os
import select
import socket
import threading

from harness import main
from sockets import connected, eventually, listener, parked

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


def refused_address():
    server = listener()
    address = server.getsockname()
    server.close()
    return address


def watched(sock, mask):
    epoll = select.epoll()
    epoll.register(sock.fileno(), mask)
    return lambda timeout=0: [bits for _, bits in epoll.poll(timeout)]


def refuse(sock, address):
    assert sock.connect_ex(address) == errno.EINPROGRESS
    eventually(lambda: level(sock) & select.POLLHUP)


def test_a_refused_socket_hangs_up_and_its_error_is_taken():
    client = socket.socket()
    client.setblocking(False)
    take = edges(client)
    refuse(client, refused_address())
    assert level(client) == IN | OUT | ERR | HUP | RDHUP
    assert take() == IN | OUT | ERR | HUP | RDHUP
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert level(client) == IN | OUT | HUP | RDHUP
    assert take() == 0


def test_a_refused_socket_stays_in_its_epoll_sets():
    address = refused_address()
    client = socket.socket()
    client.setblocking(False)
    copy = client.dup()
    level_set, edge_set = watched(client, IN | OUT), watched(client, IN | OUT | RDHUP | select.EPOLLET)
    copy_set = watched(copy, OUT)
    refuse(client, address)
    level_set(), edge_set()
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    server = listener(address[1])
    assert client.connect_ex(address) == errno.ECONNABORTED
    assert edge_set() and copy_set() and level_set()
    assert edge_set() == []
    assert client.connect_ex(address) == errno.EINPROGRESS
    eventually(lambda: level(client) == OUT)
    assert (edge_set(), level_set(), copy_set()) == ([OUT], [OUT], [OUT])
    accepted, _ = server.accept()
    accepted.send(b"x")
    eventually(lambda: level(client) & IN)
    assert (edge_set(), level_set(), copy_set()) == ([IN | OUT], [IN | OUT], [OUT])
    assert copy.recv(10) == b"x"
    assert copy.getpeername() == client.getpeername() == address
    client.close()
    copy.close()
    assert (edge_set(), level_set(), copy_set()) == ([], [], [])
    assert accepted.recv(1) == b""


def test_a_set_lets_go_of_a_socket_that_connected_again():
    address = refused_address()
    client = socket.socket()
    client.setblocking(False)
    epoll = select.epoll()
    epoll.register(client.fileno(), OUT | select.EPOLLONESHOT)
    epoll.poll(0)
    refuse(client, address)
    server = listener(address[1])
    while client.connect_ex(address) not in (errno.EINPROGRESS, 0):
        pass
    epoll.modify(client.fileno(), OUT | select.EPOLLONESHOT)
    assert epoll.poll(5) == [(client.fileno(), OUT)]
    assert epoll.poll(0) == []
    epoll.unregister(client.fileno())
    server.close()


def test_being_connected_is_an_edge():
    server = listener()
    client = socket.socket()
    client.setblocking(False)
    take = edges(client)
    take()
    assert client.connect_ex(server.getsockname()) == errno.EINPROGRESS
    assert take(5) == OUT
    assert take() == 0


def test_the_error_of_a_reset_is_taken():
    _, client, server = connected()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    eventually(lambda: level(server) & select.POLLERR)
    try:
        server.recv(1)
        assert False
    except ConnectionResetError:
        pass
    assert level(server) == IN | OUT | RDHUP | HUP


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
    parked(*[thread.native_id for thread in threads])
    client = socket.create_connection(server.getsockname())
    for thread in threads:
        thread.join()
    assert len(woken) == 1, woken
    client.close()


main(globals())
