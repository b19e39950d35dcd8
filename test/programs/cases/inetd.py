"""A socket handed to a program as its fd 0 and 1, below any range of numbers a stack may have for its own."""
from harness.clients import check_echo
from harness.registry import EVERYWHERE, case

SIZE = 2 << 20


def listen_words(world, port):
    return "TCP%d-LISTEN:%d,bind=%s,reuseaddr,fork" % (world.family, port, world.host)


@case("inetd/socat-nofork", EVERYWHERE, needs=["socat"])
def socat_nofork(world):
    """The accepted socket itself becomes fd 0 and 1 of cat."""
    world.server.start("socat", listen_words(world, 7000), "EXEC:cat,nofork")
    check_echo(world, 7000, SIZE)


@case("inetd/socat-exec", EVERYWHERE, needs=["socat"])
def socat_exec(world):
    world.server.start("socat", listen_words(world, 7000), "EXEC:cat")
    check_echo(world, 7000, SIZE)


@case("inetd/systemd", EVERYWHERE, needs=["systemd-socket-activate", "socat"])
def systemd(world):
    world.server.start("systemd-socket-activate", "-a", "--inetd", "-l", "%s:7000" % world.host, "cat")
    check_echo(world, 7000, SIZE)


@case("inetd/systemd-listener", EVERYWHERE, needs=["systemd-socket-activate", "curl"])
def systemd_listener(world):
    """The listener itself is passed, as fd 3."""
    script = ("import socket, http.server as h\n"
              "s = h.HTTPServer(('', 0), h.SimpleHTTPRequestHandler, bind_and_activate=False)\n"
              "s.socket = socket.socket(fileno=3)\n"
              "s.serve_forever()")
    world.write("page", "from the listener\n")
    world.server.start("systemd-socket-activate", "-l", "%s:7000" % world.host, "/usr/bin/python3", "-c", script)
    said = world.client.text("curl", "-sS", "--fail", "--noproxy", "*", "http://%s:7000/page" % world.host, retry_s=10)
    assert said == "from the listener\n", said


@case("inetd/bash", EVERYWHERE, needs=["bash", "socat"])
def bash(world):
    """/dev/tcp: bash connects, and cat has the socket as its standard input and output."""
    echo = world.server.start("socat", listen_words(world, 7000), "EXEC:cat")
    world.wait_connect(7000, echo)
    path, digest = world.random_file("sent", 200_000)
    # The reader takes as many bytes as were sent: bash cannot end only its own side.
    script = "exec 3<>/dev/tcp/%s/7000; cat %s >&3 & head -c 200000 <&3 >%s.back; wait" % (world.addr, path, path)
    world.client.run("bash", "-c", script)
    assert world.sha256(path + ".back") == digest


@case("inetd/bash-stdin", EVERYWHERE, needs=["bash", "socat"])
def bash_stdin(world):
    path, digest = world.random_file("sent", 200_000)
    server = world.server.start("socat", "-u", "OPEN:%s" % path, listen_words(world, 7000).replace(",fork", ""))
    world.client.run("bash", "-c", "cat </dev/tcp/%s/7000 >%s.back" % (world.addr, path), retry_s=10)
    assert world.sha256(path + ".back") == digest
    assert server.wait(5) == 0, world.log_of(server)
