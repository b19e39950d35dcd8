"""socat, nc and ping."""
from harness.clients import check_echo
from harness.registry import EVERYWHERE, LOOPBACK, case
from harness.world import which

SIZE = 8 << 20


def socat_names(world):
    """socat's words for TCP and UDP of this family."""
    six = world.family == 6
    return ("TCP6" if six else "TCP4"), ("UDP6" if six else "UDP4")


@case("socat/tcp", EVERYWHERE, needs=["socat"])
def socat_tcp(world):
    tcp, _ = socat_names(world)
    path, digest = world.random_file("sent", SIZE)
    server = world.server.start("socat", "-u", "%s-LISTEN:7000,bind=%s,reuseaddr" % (tcp, world.host),
                                "CREATE:" + world.path("got"))
    world.client.run("socat", "-u", "OPEN:%s,rdonly" % path, "%s:%s:7000" % (tcp, world.host), retry_s=10)
    assert server.wait(10) == 0, world.log_of(server)
    assert world.sha256(world.path("got")) == digest


@case("socat/echo", EVERYWHERE, needs=["socat"])
def socat_echo(world):
    tcp, _ = socat_names(world)
    server = world.server.start("socat", "%s-LISTEN:7000,bind=%s,reuseaddr,fork" % (tcp, world.host), "PIPE")
    world.wait_connect(7000, server)
    check_echo(world, 7000, 40_000)  # less than the pipe holds: socat blocks for ever on a full one


@case("socat/udp", EVERYWHERE, needs=["socat"])
def socat_udp(world):
    _, udp = socat_names(world)
    world.server.start("socat", "%s-LISTEN:7001,bind=%s,reuseaddr,fork" % (udp, world.host), "PIPE")
    message = b"a datagram"
    got = world.client.run("sh", "-c", "printf '%s' '" + message.decode() + "' | socat -t1 - %s:%s:7001 | grep ." % (
        udp, world.host), retry_s=10).out
    assert got.strip() == message, got


@case("nc/tcp", EVERYWHERE, needs=["nc"])
def nc_tcp(world):
    path, digest = world.random_file("sent", SIZE)
    got = world.path("got")
    server = world.server.start("sh", "-c", "exec nc -l -N -s %s -p 7000 >%s </dev/null" % (world.addr, got))
    world.client.run("sh", "-c", "exec nc -N %s 7000 <%s" % (world.addr, path), retry_s=10)
    assert server.wait(10) == 0, world.log_of(server)
    assert world.sha256(got) == digest


@case("nc/udp", EVERYWHERE, needs=["nc"])
def nc_udp(world):
    got = world.write("got", "")
    world.server.start("sh", "-c", "exec nc -u -l -s %s -p 7001 >%s </dev/null" % (world.addr, got))

    def arrived():
        world.client.run("sh", "-c", "echo a datagram | nc -u -w 1 %s 7001" % world.addr, status=None)
        with open(got, encoding="utf-8", errors="replace") as handle:
            return "a datagram\n" in handle.read()
    world.wait_for(arrived, "the datagram")


@case("nc/refused", EVERYWHERE, needs=["nc"])
def nc_refused(world):
    said = world.client.run("nc", "-v", "-w", 5, world.addr, 7009, status=1)
    assert b"refused" in said.err, said.err


@case("ping", EVERYWHERE, needs=["ping"])
def ping(world):
    for size in (56, 1400, 8000, 65000 if world.is_loopback else 20000):
        said = world.client.text("ping", "-n", "-c", 5, "-i", 0.2, "-W", 3, "-s", size, world.addr)
        assert "5 packets transmitted, 5 received" in said, said


@case("ping/unreachable", LOOPBACK, needs=["ping"])
def unreachable(world):
    """A machine with only loopback has no way out."""
    outside = "2001:db8::1" if world.family == 6 else "192.0.2.1"
    said = world.client.run(which("ping"), "-n", "-c", 1, "-W", 2, outside, status=None)
    assert said.status != 0 and b"unreachable" in said.out + said.err, (said.status, said.out, said.err)
