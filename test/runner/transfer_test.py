#!/usr/bin/python3
"""sendfile() and splice() with a weir socket at one end."""
import ctypes
import errno
import os
import socket
import tempfile
import threading

from harness import main
from sockets import connected, receive_all

libc = ctypes.CDLL(None, use_errno=True)
DATA = os.urandom(1 << 20)


def data_file():
    file = tempfile.TemporaryFile()
    file.write(DATA)
    file.flush()
    file.seek(0)
    return file


def splice(fd_in, fd_out, bytes_, flags=0):
    result = libc.splice(fd_in, None, fd_out, None, bytes_, flags)
    if result < 0:
        raise OSError(ctypes.get_errno(), "splice")
    return result


def received_from(sock):
    result = []
    thread = threading.Thread(target=lambda: result.append(receive_all(sock)))
    thread.start()
    return lambda: (thread.join(), result[0])[1]


def test_sendfile_with_an_offset():
    _, client, server = connected()
    take = received_from(server)
    file = data_file()
    offset = 0
    while offset < len(DATA):
        offset += os.sendfile(client.fileno(), file.fileno(), offset, len(DATA) - offset)
    client.close()
    assert take() == DATA
    assert file.tell() == 0


def test_sendfile_moves_the_position():
    _, client, server = connected()
    take = received_from(server)
    file = data_file()
    sent = os.sendfile(client.fileno(), file.fileno(), None, 1000)
    assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == sent == 1000
    client.close()
    assert take() == DATA[:1000]


def test_sendfile_at_the_end_is_zero():
    _, client, _ = connected()
    file = data_file()
    assert os.sendfile(client.fileno(), file.fileno(), len(DATA), 1000) == 0


def test_sendfile_nonblocking_fills_and_continues():
    _, client, server = connected()
    client.setblocking(False)
    file = data_file()
    offset = 0
    try:
        while True:
            n = os.sendfile(client.fileno(), file.fileno(), offset % len(DATA), len(DATA))
            assert n > 0
            offset += n
    except BlockingIOError:
        pass
    client.close()
    assert len(receive_all(server)) == offset


def test_sendfile_from_a_socket_is_einval():
    _, client, server = connected()
    try:
        os.sendfile(client.fileno(), server.fileno(), None, 10)
        assert False
    except OSError as error:
        assert error.errno == errno.EINVAL


def test_sendfile_to_a_file_is_the_hosts():
    target, file = tempfile.TemporaryFile(), data_file()
    assert os.sendfile(target.fileno(), file.fileno(), 0, 1000) == 1000


def test_splice_through_a_pipe_both_ways():
    _, client, server = connected()
    read_end, write_end = os.pipe()
    os.write(write_end, b"into the socket")
    assert splice(read_end, client.fileno(), 100) == 15
    assert splice(server.fileno(), write_end, 4) == 4
    assert os.read(read_end, 100) == b"into"
    assert server.recv(100) == b" the socket"


def test_splice_proxies_much():
    _, client, server = connected()
    _, client2, server2 = connected()
    take = received_from(server2)

    def proxy():
        read_end, write_end = os.pipe()
        while True:
            n = splice(server.fileno(), write_end, 65536)
            if n == 0:
                break
            while n > 0:
                n -= splice(read_end, client2.fileno(), n)
        client2.close()
    thread = threading.Thread(target=proxy)
    thread.start()
    client.sendall(DATA)
    client.close()
    thread.join()
    assert take() == DATA


def test_splice_nonblocking_says_eagain():
    _, client, server = connected()
    read_end, write_end = os.pipe()
    for fd_in, fd_out in ((read_end, client.fileno()), (server.fileno(), write_end)):
        try:
            splice(fd_in, fd_out, 10, 2)
            assert False
        except BlockingIOError:
            pass


main(globals())
