"""A server with listen(1024) that accepts slowly, and wrk: the accept queue, its limit and its overflow."""
import os
import re
import resource

from harness.registry import HERE, LOOPBACK, case
from harness.world import PYTHON, Skip, which

PORT = 8080
BACKLOG = 1024


def listen_row(world):
    """(Recv-Q, Send-Q) of the listener as ss prints them."""
    said = world.server.text("ss", "-ltnH", "sport = :%d" % PORT)
    row = [line.split() for line in said.splitlines() if line.startswith("LISTEN") and ":%d " % PORT in line]
    assert len(row) == 1, "ss -ltn shows: " + said
    return int(row[0][1]), int(row[0][2])


def counter(world, name):
    said = world.server.text("nstat", "-asz", name, env={"NSTAT_HISTORY": world.path("nstat.history")})
    found = re.search(r"^%s\s+(\d+)" % name, said, re.M)
    assert found, "nstat shows: " + said
    return int(found.group(1))


def fill(world, connections):
    """wrk with so many connections against a server that takes hardly any; what the server's side shows after."""
    server = world.server.start(PYTHON, os.path.join(HERE, "clients", "slow_accept.py"), world.addr, PORT, BACKLOG, 0.5)
    world.wait_text(server, "listening")
    before = counter(world, "TcpExtListenOverflows"), counter(world, "TcpExtListenDrops")
    load = world.client.start("prlimit", "--nofile=8192:8192", which("wrk"), "-t2", "-c%d" % connections, "-d4s",
                              "http://%s:%d/" % (world.host, PORT))
    world.wait_for(lambda: counter(world, "TcpExtListenOverflows") > before[0], "an overflow in nstat", process=load)
    queued, limit = listen_row(world)
    overflows, drops = (counter(world, name) - old for name, old in zip(("TcpExtListenOverflows", "TcpExtListenDrops"), before))
    print("    ss: %d waiting, limit %d; nstat: %d overflows, %d drops" % (queued, limit, overflows, drops))
    if world.server.is_weir:
        check_listener(world, limit)
    world.stop(load)
    world.stop(server)
    return queued, limit, overflows, drops


def check_depth(world, queued, limit, expected):
    """Linux: full means more than the limit, so one more gets in, and on several processors now and then another. The
    row may be read between two accepts."""
    most = expected + (1 if world.server.is_weir else 1 + os.cpu_count())
    assert expected - 2 <= queued <= most, "%d wait in a queue of %d" % (queued, expected)
    assert limit == expected, "ss shows the limit %d" % limit


def check_listener(world, limit):
    """weir's own view, one row for each listener."""
    said = world.outside(world.weir, "listeners", "-m", world.machine)
    print(said)
    rows = [line for line in said.splitlines() if str(PORT) in line]
    assert len(rows) == 1, said
    numbers = [int(number) for number in re.findall(r"\b\d+\b", rows[0])]
    assert limit in numbers and any(number > limit for number in numbers), rows[0]


@case("listen-queue/overflow", LOOPBACK, timeout_s=60, needs=["wrk", "ss", "nstat", "prlimit"])
def overflow(world):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 8192:
        raise Skip("the hard limit of open files is below 8192")
    somaxconn = int(world.server.text("cat", "/proc/sys/net/core/somaxconn"))
    assert somaxconn == 4096, "somaxconn is %d" % somaxconn
    queued, limit, overflows, drops = fill(world, 2000)
    check_depth(world, queued, limit, BACKLOG)
    assert overflows > 0 and drops >= overflows, (overflows, drops)


@case("listen-queue/somaxconn", LOOPBACK, timeout_s=60, needs=["wrk", "ss", "nstat", "prlimit"])
def follows_somaxconn(world):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 8192:
        raise Skip("the hard limit of open files is below 8192")
    world.keep_machine()
    for somaxconn in (128, 400):
        world.server.sysctl("net.core.somaxconn", somaxconn)
        assert world.server.text("cat", "/proc/sys/net/core/somaxconn") == "%d\n" % somaxconn
        queued, limit, _, _ = fill(world, somaxconn + 300)
        check_depth(world, queued, limit, somaxconn)
