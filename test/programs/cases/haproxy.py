"""haproxy before nginx; its reload, in which the new worker gets the listeners by SCM_RIGHTS."""
import os
import signal

from harness.nginx import start_nginx
from harness.registry import EVERYWHERE, case
from harness.world import which
from harness.wrk import check_wrk, wait_load, wrk, wrk_command

CONFIG = """
global
    maxconn 2000
    stats socket {folder}/haproxy.sock mode 600 level admin expose-fd listeners
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    retries 3
    option idle-close-on-response
frontend front
    bind {addr}:8000 {v6only}
    default_backend back
backend back
    server one {addr}:8080
"""


def start_haproxy(world, *options):
    """haproxy writes an IPv6 address without brackets: the last colon is the port's."""
    start_nginx(world)
    world.write("haproxy.cfg", CONFIG.format(
        folder=world.folder, addr=world.addr, v6only="v6only" if world.family == 6 else ""))
    haproxy = world.server.start(which("haproxy"), *options, "-f", world.path("haproxy.cfg"), "-p", world.path("haproxy.pid"))
    world.wait_connect(8000, haproxy)
    return haproxy


@case("haproxy/nginx", EVERYWHERE, timeout_s=60, needs=["haproxy", "nginx", "wrk", "curl"])
def before_nginx(world):
    start_haproxy(world, "-db")
    got = world.client.run("curl", "-sS", "--fail", "--noproxy", "*", "http://%s:8000/large" % world.host).out
    with open(world.path("www/large"), "rb") as handle:
        assert handle.read() == got, "%d bytes came, and they differ" % len(got)
    wrk(world, 8000, 3, path="/small")
    wrk(world, 8000, 2, path="/small", close=True)


@case("haproxy/reload", EVERYWHERE, timeout_s=60, needs=["haproxy", "nginx", "wrk"])
def reload(world):
    """Without v6only the new worker does not know the old one's IPv6 listener again, and opens a second. Without
    idle-close-on-response the old worker closes connections whose request is still on its way."""
    start_haproxy(world, "-W")
    load = world.client.start(*wrk_command(world, 8000, 5, path="/small", close=True))
    before = workers(world)
    wait_load(world)
    os.kill(master(world), signal.SIGUSR2)
    world.wait_for(lambda: workers(world) - before, "a new worker")
    wait_load(world)
    assert load.wait(30) == 0, world.log_of(load)
    check_wrk(world.log_of(load))
    wrk(world, 8000, 1, path="/small")


def master(world):
    world.wait_for(lambda: os.path.exists(world.path("haproxy.pid")), "haproxy's pid file")
    with open(world.path("haproxy.pid"), encoding="ascii") as handle:
        return int(handle.read().split()[0])


def workers(world):
    pid = master(world)
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as handle:
        return set(handle.read().split())
