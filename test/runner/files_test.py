#!/usr/bin/python3
"""The machine's own texts under /proc, and writing sysctls."""
import errno
import os
import subprocess

from harness import main
from sockets import listener

FORWARD = "/proc/sys/net/ipv4/ip_forward"


def read(path):
    with open(path) as file:
        return file.read()


def listens_in(text, port):
    return any(line.split()[1].endswith(":%04X" % port) and line.split()[3] == "0A" for line in text.splitlines()[1:])


def test_all_names_of_proc_net():
    server = listener()
    port = server.getsockname()[1]
    os.chdir("/proc")
    for path in ("/proc/net/tcp", "/proc/self/net/tcp", "/proc/thread-self/net/tcp", "/proc/%d/net/tcp" % os.getpid(),
                 "net/tcp", "./net/../net/tcp"):
        assert listens_in(read(path), port), path
    directory = os.open("/proc/net", os.O_RDONLY | os.O_DIRECTORY)
    fd = os.open("tcp", os.O_RDONLY, dir_fd=directory)
    assert listens_in(os.read(fd, 65536).decode(), port)


def test_inode_is_the_fds():
    server = listener()
    port = server.getsockname()[1]
    inode = os.fstat(server.fileno()).st_ino
    rows = [line.split() for line in read("/proc/net/tcp").splitlines()[1:]]
    assert [row[9] for row in rows if row[1].endswith(":%04X" % port)] == [str(inode)]


def test_what_is_not_there_is_not_the_hosts():
    for path in ("/proc/net/no_such_file", "/proc/sys/net/no_such_file"):
        try:
            open(path)
            assert False
        except FileNotFoundError:
            pass


def test_other_files_are_the_hosts():
    assert "root" in read("/etc/passwd")
    assert "Tgid" in read("/proc/self/status")
    assert read("/proc/sys/kernel/hostname")
    assert "tcp" in os.listdir("/proc/net")


def test_texts_are_read_only():
    fd = os.open("/proc/net/tcp", os.O_RDONLY)
    try:
        os.write(fd, b"x")
        assert False
    except OSError as error:
        assert error.errno == errno.EBADF


def test_a_sysctl_is_written_and_read():
    for value in ("1\n", "0\n"):
        with open(FORWARD, "w") as file:
            file.write(value)
        assert read(FORWARD) == value


def test_a_shell_writes_a_sysctl():
    subprocess.run(["sh", "-c", "echo 1 > %s; cat %s" % (FORWARD, FORWARD)], check=True)
    assert read(FORWARD) == "1\n"
    subprocess.run(["sh", "-c", "echo 0 > %s" % FORWARD], check=True)
    assert read(FORWARD) == "0\n"


def test_a_wrong_value_is_refused():
    fd = os.open(FORWARD, os.O_WRONLY)
    try:
        os.write(fd, b"not a number\n")
        assert False
    except OSError as error:
        assert error.errno == errno.EINVAL
    os.close(fd)


main(globals())
