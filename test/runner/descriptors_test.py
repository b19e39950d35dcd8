#!/usr/bin/python3
"""Weir sockets over dup, fork, exec, SCM_RIGHTS and low numbers; the fd table full."""
import array
import errno
import fcntl
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import time

from harness import main
from sockets import connected, eventually, listener, receive_all


def at_end(sock, seconds=5):
    sock.settimeout(seconds)
    return sock.recv(1) == b""


def test_is_a_socket_to_the_host():
    _, client, _ = connected()
    inode = os.fstat(client.fileno()).st_ino
    assert os.readlink("/proc/self/fd/%d" % client.fileno()) == "socket:[%d]" % inode


def test_lowest_number_first():
    sockets = [socket.socket() for _ in range(5)]
    numbers = [s.fileno() for s in sockets]
    assert numbers == list(range(numbers[0], numbers[0] + 5)), numbers
    sockets[1].close()
    sockets[3].close()
    assert socket.socket().fileno() == numbers[1]


def test_select_works_on_many():
    pairs = [connected() for _ in range(100)]
    pairs[77][1].send(b"x")
    assert select.select([p[2] for p in pairs], [], [], 0)[0] == [pairs[77][2]]


def test_dup_shares_the_description():
    _, client, server = connected()
    copy = os.dup(client.fileno())
    os.write(copy, b"through the copy")
    assert server.recv(100) == b"through the copy"
    client.close()
    os.write(copy, b"!")
    assert server.recv(100) == b"!"
    os.close(copy)
    assert at_end(server)


def test_f_dupfd_honours_the_minimum():
    _, client, server = connected()
    copy = fcntl.fcntl(client.fileno(), fcntl.F_DUPFD_CLOEXEC, 200)
    assert copy >= 200
    assert fcntl.fcntl(copy, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
    os.write(copy, b"x")
    assert server.recv(1) == b"x"


def test_nonblocking_is_shared_by_copies():
    _, client, server = connected()
    copy = os.dup(server.fileno())
    os.set_blocking(copy, False)
    try:
        server.recv(1)
        assert False
    except BlockingIOError:
        pass
    client.close()


def test_close_on_exec():
    _, client, server = connected()
    other = listener()
    os.set_inheritable(client.fileno(), True)
    out = subprocess.run([sys.executable, "-c", "import os\nfor fd in %d, %d:\n try: os.fstat(fd); print('open')\n"
                          " except OSError: print('closed')" % (client.fileno(), other.fileno())],
                         close_fds=False, capture_output=True, text=True)
    assert out.stdout == "open\nclosed\n", out


def test_fork_keeps_the_connection_open():
    _, client, server = connected()
    is_closed, closed = os.pipe()
    pid = os.fork()
    if pid == 0:
        client.close()
        os.read(is_closed, 1)
        server.send(b"from the child")
        os._exit(0)
    server.close()
    os.write(closed, b"x")
    assert receive_all(client) == b"from the child"
    os.waitpid(pid, 0)


def test_prefork_accept():
    server = listener()
    for number in range(3):
        if os.fork() == 0:
            sock, _ = server.accept()
            sock.send(b"worker")
            os._exit(0)
    answers = [receive_all(socket.create_connection(server.getsockname())) for _ in range(3)]
    assert answers == [b"worker"] * 3
    for _ in range(3):
        assert os.wait()[1] == 0


def test_exec_inherits():
    _, client, server = connected()
    os.set_inheritable(server.fileno(), True)
    subprocess.run([sys.executable, "-c", "import socket; socket.socket(fileno=%d).send(b'after exec')" %
                    server.fileno()], close_fds=False, check=True)
    server.close()
    assert receive_all(client) == b"after exec"


def test_killed_program_closes():
    _, client, server = connected()
    pid = os.fork()
    if pid == 0:
        client.close()
        time.sleep(60)
    server.close()
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert at_end(client)


def test_close_then_bind_the_same_port():
    for _ in range(50):
        server = socket.socket()
        server.bind(("127.0.0.1", 7001))
        server.listen()
        server.close()


def test_stdin_and_stdout_of_an_inetd_child():
    _, client, server = connected()
    process = subprocess.Popen(["cat"], stdin=server, stdout=server)
    server.close()
    for i in range(20):
        line = b"line %d\n" % i
        client.send(line)
        received = b""
        while received != line:
            received += client.recv(100)
    client.shutdown(socket.SHUT_WR)
    assert receive_all(client) == b""
    assert process.wait() == 0


def test_inetd_child_of_a_peer_that_has_already_ended():
    _, client, server = connected()
    client.send(b"request\n")
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    assert select.select([server], [], [], 5)[0]
    subprocess.run(["cat"], stdin=server, stdout=server, check=True)
    server.close()
    assert receive_all(client) == b"request\n"


def test_much_data_through_a_low_number():
    _, client, server = connected()
    process = subprocess.Popen(["head", "-c", "3000000", "/dev/zero"], stdout=server)
    server.close()
    assert len(receive_all(client)) == 3000000
    assert process.wait() == 0


def test_much_data_into_a_low_number():
    _, client, server = connected()
    process = subprocess.Popen(["wc", "-c"], stdin=server, stdout=subprocess.PIPE, text=True)
    server.close()
    client.sendall(bytes(3000000))
    client.close()
    assert process.communicate()[0].strip() == "3000000"


def test_a_low_listener():
    server = listener()
    os.dup2(server.fileno(), 5)
    address = server.getsockname()
    server.close()
    low = socket.socket(fileno=5)
    client = socket.create_connection(address)
    accepted, _ = low.accept()
    client.send(b"x")
    assert accepted.recv(1) == b"x"
    assert low.getsockname() == address


def test_dup2_before_connect():
    server = listener()
    sock = socket.socket()
    os.dup2(sock.fileno(), 6)
    sock.connect(server.getsockname())
    accepted, _ = server.accept()
    os.write(6, b"low")
    assert accepted.recv(10) == b"low"
    accepted.send(b"back")
    assert os.read(6, 10) == b"back"
    sock.close()
    os.close(6)
    assert at_end(accepted)


def test_dup2_before_a_connect_that_does_not_wait():
    server = listener()
    sock = socket.socket()
    sock.setblocking(False)
    os.dup2(sock.fileno(), 6)
    events = select.epoll()
    events.register(6, select.EPOLLOUT | select.EPOLLET)
    events.poll(0)
    assert sock.connect_ex(server.getsockname()) == errno.EINPROGRESS
    accepted, _ = server.accept()
    assert events.poll(5) == [(6, select.EPOLLOUT)]
    os.write(6, b"low")
    assert accepted.recv(10) == b"low"
    accepted.send(b"back")
    assert select.select([6], [], [], 5)[0] == [6] and os.read(6, 10) == b"back"
    sock.close()
    os.close(6)
    assert at_end(accepted)


def test_a_connected_datagram_socket_as_stdin_and_stdout():
    a, b = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    a.bind(("127.0.0.1", 0))
    b.bind(("127.0.0.1", 0))
    b.connect(a.getsockname())
    process = subprocess.Popen(["dd", "bs=1000", "count=3"], stdin=b, stdout=b, stderr=subprocess.DEVNULL)
    for text in (b"one", b"two", b"three"):
        a.sendto(text, b.getsockname())
        assert a.recvfrom(100) == (text, b.getsockname())
    assert process.wait() == 0


def test_an_unconnected_datagram_socket_on_a_low_number():
    a, b = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    a.bind(("127.0.0.1", 0))
    b.bind(("127.0.0.1", 0))
    os.dup2(a.fileno(), 5)
    low = socket.socket(fileno=5)
    b.sendto(b"x", a.getsockname())
    assert low.recvfrom(10) == (b"x", b.getsockname())
    low.sendto(b"y", b.getsockname())
    assert b.recvfrom(10) == (b"y", low.getsockname())


def test_read_of_an_unconnected_datagram_socket_on_a_low_number():
    a, b = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    a.bind(("127.0.0.1", 0))
    b.bind(("127.0.0.1", 0))
    os.dup2(a.fileno(), 5)
    low = socket.socket(fileno=5)
    events = select.epoll()
    events.register(5, select.EPOLLIN | select.EPOLLET)
    for text in (b"one", b"", b"two", b"three", b"four", b"five"):
        b.sendto(text, a.getsockname())
    assert events.poll(5) == [(5, select.EPOLLIN)]
    assert os.read(5, 10) == b"one"
    assert select.select([5], [], [], 5)[0] and os.read(5, 10) == b""
    assert select.select([5], [], [], 5)[0] and low.recvfrom(10) == (b"two", b.getsockname())
    assert os.read(5, 2) == b"th"
    assert select.select([a], [], [], 5)[0] and a.recv(10, socket.MSG_PEEK) == b"four"
    assert select.select([5], [], [], 5)[0] and os.read(5, 10) == b"four"
    assert a.recvfrom(10) == (b"five", b.getsockname())
    assert select.select([5], [], [], 0)[0] == []
    a.close()
    b.sendto(b"six", low.getsockname())
    assert os.read(5, 10) == b"six"


def test_dup2_onto_a_socket_is_its_close():
    _, client, server = connected()
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, server.fileno())
    assert at_end(client)


def test_passed_by_scm_rights():
    _, client, server = connected()
    a, b = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        client.close()
        server.close()
        _, fds, _, _ = socket.recv_fds(b, 1, 1)
        sock = socket.socket(fileno=fds[0])
        assert sock.getpeername()[0] == "127.0.0.1"
        sock.send(b"from the receiver " + sock.recv(100))
        os._exit(0)
    socket.send_fds(a, [b"x"], [server.fileno()])
    server.close()
    client.send(b"hello")
    assert receive_all(client) == b"from the receiver hello"
    os.waitpid(pid, 0)


def test_passed_listener():
    server = listener()
    a, b = socket.socketpair()
    socket.send_fds(a, [b"x"], [server.fileno()])
    _, fds, _, _ = socket.recv_fds(b, 1, 1)
    address = server.getsockname()
    server.close()
    passed = socket.socket(fileno=fds[0])
    client = socket.create_connection(address)
    accepted, _ = passed.accept()
    client.send(b"x")
    assert accepted.recv(1) == b"x"


def test_unix_sockets_are_the_hosts():
    a, b = socket.socketpair()
    a.sendall(b"x" * 1000)
    assert b.recv(2000) == b"x" * 1000
    a.sendmsg([b"y"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
    assert b.recvmsg(10, 100)[0] == b"y"


def test_table_full():
    server = listener()
    resource.setrlimit(resource.RLIMIT_NOFILE, (90, 90))
    sockets = []
    try:
        while True:
            sockets.append(socket.socket())
    except OSError as error:
        assert error.errno == errno.EMFILE, error
    assert len(sockets) > 5
    client = sockets.pop()
    client.connect(server.getsockname())
    try:
        server.accept()
        assert False
    except OSError as error:
        assert error.errno == errno.EMFILE
    sockets.pop().close()
    accepted, _ = server.accept()
    client.send(b"not lost")
    assert accepted.recv(10) == b"not lost"


def test_other_families_are_refused():
    for family in (socket.AF_VSOCK, socket.AF_ALG, socket.AF_BLUETOOTH, 0):
        try:
            socket.socket(family, socket.SOCK_SEQPACKET)
            assert False
        except OSError as error:
            assert error.errno == errno.EAFNOSUPPORT


def test_ioctl_fionread_and_fionbio():
    import termios
    _, client, server = connected()
    client.send(b"12345")
    assert struct.unpack("i", fcntl.ioctl(server.fileno(), termios.FIONREAD, bytes(4)))[0] == 5
    fcntl.ioctl(server.fileno(), termios.FIONBIO, struct.pack("i", 1))
    server.recv(5)
    try:
        server.recv(1)
        assert False
    except BlockingIOError:
        pass


main(globals())
