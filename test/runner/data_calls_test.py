#!/usr/bin/python3
"""Every system call that can move data: on a weir socket it moves the socket's own, or is refused as on Linux."""
import ctypes
import errno
import os
import socket
import struct
import sys
import tempfile
import time

from harness import main

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
NUMBERS = dict(read=0, write=1, mmap=9, pread64=17, pwrite64=18, readv=19, writev=20, sendfile=40, sendto=44, recvfrom=45,
               ftruncate=77, readahead=187, io_setup=206, io_getevents=208, io_submit=209, splice=275, tee=276, vmsplice=278,
               fallocate=285, preadv=295, pwritev=296, copy_file_range=326, preadv2=327, pwritev2=328, io_uring_setup=425,
               io_uring_enter=426, io_uring_register=427)
IS_KNOWN = os.uname().machine == "x86_64"


def call(name, *arguments):
    ctypes.set_errno(0)
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name]), *[ctypes.c_void_p(a) for a in arguments])
    return result if result >= 0 else errno.errorcode[ctypes.get_errno()]


class Scene:
    def __init__(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.socket = socket.create_connection(server.getsockname())
        self.peer, _ = server.accept()
        self.peer.settimeout(0.05)
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()
        self.memory = ctypes.create_string_buffer(b"0123456789", 64)
        self.buffer = ctypes.addressof(self.memory)
        self.vector_memory = (ctypes.c_uint64 * 2)(self.buffer, 10)
        self.vector = ctypes.addressof(self.vector_memory)
        self.offset_memory = ctypes.c_uint64(0)
        self.offset = ctypes.addressof(self.offset_memory)
        self.pipe = os.pipe()
        os.write(self.pipe[1], b"pipe data")
        self.file = tempfile.TemporaryFile()
        self.file.write(b"file data")
        self.file.flush()

    def arrived(self):
        try:
            return self.peer.recv(100)
        except TimeoutError:
            return b""

    def left(self):
        try:
            return self.socket.recv(100)
        except BlockingIOError:
            return b""


def test_calls_that_write():
    if not IS_KNOWN:
        return
    for name, more, result, data in (
            ("write", lambda s: (s.buffer, 10), 10, b"0123456789"),
            ("writev", lambda s: (s.vector, 1), 10, b"0123456789"),
            ("pwrite64", lambda s: (s.buffer, 10, 0), "ESPIPE", b""),
            ("pwritev", lambda s: (s.vector, 1, 0, 0), "ESPIPE", b""),
            ("pwritev2", lambda s: (s.vector, 1, -1, -1, 0), 10, b"0123456789"),
            ("pwritev2", lambda s: (s.vector, 1, 0, 0, 0), "ESPIPE", b""),
            ("sendto", lambda s: (s.buffer, 10, 0, 0, 0), 10, b"0123456789"),
            ("sendfile", lambda s: (s.file.fileno(), s.offset, 9), 9, b"file data"),
            ("tee", lambda s: (s.fd, 4, 2), "EINVAL", b""),
            ("vmsplice", lambda s: (s.vector, 1, 2), "EBADF", b""),
            ("fallocate", lambda s: (0, 0, 10), "ENODEV", b""),
            ("ftruncate", lambda s: (0,), "EINVAL", b"")):
        scene = Scene()
        got = call(name, scene.fd, *more(scene)), scene.arrived()
        assert got == (result, data), (name, got)
    scene = Scene()
    assert call("splice", scene.pipe[0], 0, scene.fd, 0, 4, 2) == 4 and scene.arrived() == b"pipe"
    assert call("tee", scene.pipe[0], scene.fd, 4, 2) == "EINVAL"
    assert call("copy_file_range", scene.file.fileno(), scene.offset, scene.fd, 0, 4, 0) == "EINVAL"
    assert scene.arrived() == b""


def test_calls_that_read():
    if not IS_KNOWN:
        return
    for name, more, result in (
            ("read", lambda s: (s.buffer, 10), 4),
            ("readv", lambda s: (s.vector, 1), 4),
            ("pread64", lambda s: (s.buffer, 10, 0), "ESPIPE"),
            ("preadv", lambda s: (s.vector, 1, 0, 0), "ESPIPE"),
            ("preadv2", lambda s: (s.vector, 1, -1, -1, 0), 4),
            ("preadv2", lambda s: (s.vector, 1, 0, 0, 0), "ESPIPE"),
            ("recvfrom", lambda s: (s.buffer, 10, 0, 0, 0), 4),
            ("splice", lambda s: (0, s.pipe[1], 0, 4, 2), 4),
            ("tee", lambda s: (s.pipe[1], 4, 2), "EINVAL"),
            ("copy_file_range", lambda s: (0, s.file.fileno(), s.offset, 4, 0), "EINVAL"),
            ("readahead", lambda s: (0, 10), "EINVAL"),
            ("vmsplice", lambda s: (s.vector, 1, 2), "EBADF")):
        scene = Scene()
        scene.peer.send(b"data")
        time.sleep(0.01)
        got = call(name, scene.fd, *more(scene)), scene.left()
        assert got == (result, b"" if result == 4 else b"data"), (name, got)
    scene = Scene()
    scene.peer.send(b"data")
    assert call("sendfile", scene.file.fileno(), scene.fd, 0, 9) == "EINVAL"
    assert scene.left() == b"data"


def submit(scene, operation, fd):
    context = ctypes.c_ulong(0)
    assert call("io_setup", 8, ctypes.addressof(context)) == 0
    block = ctypes.create_string_buffer(64)
    struct.pack_into("=QIIHhIQQqQII", block, 0, 7, 0, 0, operation, 0, fd, scene.buffer, 10, 0, 0, 0, 0)
    pointer = ctypes.c_uint64(ctypes.addressof(block))
    result = call("io_submit", context.value, 1, ctypes.addressof(pointer))
    if result != 1:
        return result
    event = ctypes.create_string_buffer(32)
    assert call("io_getevents", context.value, 1, 1, ctypes.addressof(event), 0) == 1
    return struct.unpack_from("=QQqq", event)[2]


def test_asynchronous_calls_are_refused_on_sockets_and_left_alone_on_files():
    if not IS_KNOWN:
        return
    for operation in (0, 1, 2, 3, 5, 7, 8):
        scene = Scene()
        scene.peer.send(b"data")
        time.sleep(0.01)
        assert submit(scene, operation, scene.fd) == "EINVAL", operation
        assert scene.left() == b"data" and scene.arrived() == b"", operation
    scene = Scene()
    assert submit(scene, 0, scene.file.fileno()) == 9 and scene.memory.raw[:9] == b"file data"
    assert call("io_submit", 0, 1, 8) in ("EINVAL", "EFAULT")


def test_io_uring_is_as_where_it_is_disabled():
    if not IS_KNOWN:
        return
    for name in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
        assert call(name, 1, 0, 0, 0, 0, 0) == "ENOSYS"


main(globals())
