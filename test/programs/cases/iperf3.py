"""iperf3: TCP in four streams, both ways, and UDP."""
import json
import re

from harness.registry import EVERYWHERE, case


def measure(world, *options):
    server = world.server.start("iperf3", "-s", "-B", world.addr, "-p", 5201, "--forceflush")
    world.wait_text(server, "Server listening")
    out = world.client.text("iperf3", "-c", world.addr, "-p", 5201, "-J", *options, timeout_s=40)
    report = json.loads(out)
    assert "error" not in report, report["error"]
    return report["end"]


def counter(world, name):
    said = world.server.text("nstat", "-asz", name, env={"NSTAT_HISTORY": world.path("nstat.history")})
    return int(re.search(r"^%s\s+(\d+)" % name, said, re.M).group(1))


def check_tcp(world, *options):
    """Nothing is lost on loopback. When the receiver waits longer for a processor than the sender for a sign of it, a
    probe (RFC 8985 §7) sends a segment again, here as on the kernel: so many are no fault."""
    end = measure(world, "-t", 3, *options)
    sent, received = end["sum_sent"], end["sum_received"]
    print("    %.2f Gbit/s, %d retransmitted" % (received["bits_per_second"] / 1e9, sent["retransmits"]))
    assert 0 < received["bytes"] <= sent["bytes"], end
    if world.is_loopback:
        probes = counter(world, "TcpExtTCPLossProbes")
        assert sent["retransmits"] <= probes, "%d segments retransmitted on loopback, %d tail loss probes" % (
            sent["retransmits"], probes)


@case("iperf3/tcp-P4", EVERYWHERE, places=2, needs=["iperf3"])
def parallel(world):
    check_tcp(world, "-P", 4)


@case("iperf3/tcp-R", EVERYWHERE, places=2, needs=["iperf3"])
def reverse(world):
    check_tcp(world, "-R")


@case("iperf3/udp", EVERYWHERE, needs=["iperf3"])
def udp(world):
    total = measure(world, "-t", 2, "-u", "-b", "50M")["sum"]
    print("    %d packets, %d lost" % (total["packets"], total["lost_packets"]))
    assert total["packets"] > 100, total
    assert total["lost_packets"] <= total["packets"] // 20, total  # a full receive buffer, when the receiver starts late
