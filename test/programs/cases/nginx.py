"""nginx (master, 2 workers, sendfile) under wrk; reload and binary upgrade under load."""
import os
import signal

from harness.nginx import error_log, nginx_pid, start_nginx
from harness.registry import EVERYWHERE, case
from harness.world import which
from harness.wrk import check_wrk, wait_load, wrk, wrk_command


def check_quiet(world):
    for word in ("[alert]", "[crit]", "[emerg]"):
        assert word not in error_log(world), error_log(world)[-2000:]


@case("nginx/keepalive", EVERYWHERE, timeout_s=60, needs=["nginx", "wrk"])
def keepalive(world):
    start_nginx(world)
    wrk(world, 8080, 10 if world.is_loopback else 3, path="/small")
    wrk(world, 8080, 2, path="/large")
    check_quiet(world)


@case("nginx/close", EVERYWHERE, timeout_s=60, needs=["nginx", "wrk"])
def close(world):
    start_nginx(world)
    wrk(world, 8080, 10 if world.is_loopback else 3, path="/small", close=True)
    check_quiet(world)


@case("nginx/content", EVERYWHERE, needs=["nginx", "curl"])
def content(world):
    start_nginx(world)
    got = world.client.run("curl", "-sS", "--fail", "--noproxy", "*", "http://%s:8080/large" % world.host).out
    with open(world.path("www/large"), "rb") as handle:
        assert handle.read() == got, "%d bytes came, and they differ" % len(got)
    part = world.client.run("curl", "-sS", "--fail", "--noproxy", "*", "-r", "1000-1999", "http://%s:8080/large" % world.host)
    assert part.out == got[1000:2000]


@case("nginx/reload", EVERYWHERE, timeout_s=60, needs=["nginx", "wrk"])
def reload(world):
    """New connection for each request: a kept-alive one that the old worker closes while a request is on its way is
    a race of HTTP itself, on any stack."""
    start_nginx(world)
    load = world.client.start(*wrk_command(world, 8080, 5, path="/small", close=True))
    for number in range(3):
        wait_load(world)
        world.server.run(which("nginx"), "-p", world.folder, "-c", world.path("nginx.conf"), "-s", "reload")
        world.wait_for(lambda: error_log(world).count("reconfiguring") > number, "the reload")
    wait_load(world)
    assert load.wait(30) == 0, world.log_of(load)
    check_wrk(world.log_of(load))
    assert error_log(world).count("reconfiguring") >= 3, error_log(world)[-2000:]
    check_quiet(world)


@case("nginx/upgrade", EVERYWHERE, timeout_s=60, needs=["nginx", "wrk"])
def upgrade(world):
    """USR2: the new binary inherits the listeners through exec, with an environment rebuilt to two variables."""
    start_nginx(world, daemon=True)
    old = nginx_pid(world)
    load = world.client.start(*wrk_command(world, 8080, 5, path="/small", close=True))
    wait_load(world)
    os.kill(old, signal.SIGUSR2)
    world.wait_for(lambda: nginx_pid(world) not in (0, old), "the new master's pid")
    new = nginx_pid(world)
    wait_load(world)
    os.kill(old, signal.SIGQUIT)
    world.wait_for(lambda: not os.path.exists("/proc/%d" % old) or is_zombie(old), "the old master's end")
    assert load.wait(30) == 0, world.log_of(load)
    check_wrk(world.log_of(load))
    assert nginx_pid(world) == new and os.path.exists("/proc/%d" % new), error_log(world)[-2000:]
    wrk(world, 8080, 1, path="/small")
    check_quiet(world)


def is_zombie(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as handle:
            return handle.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
