"""wrk as a load, and what its report must say."""
import re

from harness.world import which


def wrk_command(world, port, seconds, path="/", connections=64, close=False):
    command = [which("wrk"), "-t2", "-c%d" % connections, "-d%ds" % seconds, "--timeout", "5s"]
    if close:
        command += ["-H", "Connection: close"]
    return command + ["http://%s:%d%s" % (world.host, port, path)]


def wait_load(world, connections=200):
    """Until the server took so many connections more: the load goes on."""
    def taken():
        names, numbers = re.findall(r"^Tcp: (.*)$", world.server.text("cat", "/proc/net/snmp"), re.M)
        return int(numbers.split()[names.split().index("PassiveOpens")])
    before = taken()
    world.wait_for(lambda: taken() >= before + connections, "%d connections more" % connections)


def check_wrk(report):
    """Asserts that no request was lost; returns how many there were."""
    print("\n".join("    " + line for line in report.strip().splitlines()))
    for bad in ("Socket errors", "Non-2xx"):
        assert bad not in report, report
    count = re.search(r"(\d+) requests in", report)
    assert count and int(count.group(1)) > 0, "wrk made no request\n" + report
    return int(count.group(1))


def wrk(world, port, seconds, **options):
    return check_wrk(world.client.text(*wrk_command(world, port, seconds, **options), timeout_s=seconds + 20))
