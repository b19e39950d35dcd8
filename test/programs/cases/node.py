"""node: an HTTP server and fetch; a cluster, whose master passes connections or listeners to its workers."""
import os

from harness.registry import EVERYWHERE, HERE, case

FOLDER = os.path.join(HERE, "node")


def fetch(world, count, timeout_s=100):
    return world.client.text("node", os.path.join(FOLDER, "client.js"), "http://%s:8080/" % world.host, count,
                             timeout_s=timeout_s)


@case("node/fetch-10000", EVERYWHERE, timeout_s=140, needs=["node"])
def http(world):
    server = world.server.start("node", os.path.join(FOLDER, "server.js"), world.addr, 8080)
    world.wait_connect(8080, server)
    said = fetch(world, 10000)
    assert said.startswith("10000 ok"), said


@case("node/dual-stack", ("lo4", "lo6"), needs=["node"])
def dual_stack(world):
    """Without an address node listens on [::]; IPv4 comes in mapped."""
    server = world.server.start("node", os.path.join(FOLDER, "server.js"), "", 8080)
    world.wait_connect(8080, server)
    said = fetch(world, 200)
    assert said.startswith("200 ok"), said


def cluster(world, policy):
    server = world.server.start("node", os.path.join(FOLDER, "cluster.js"), world.addr, 8080,
                                env={"NODE_CLUSTER_SCHED_POLICY": policy})
    world.wait_text(server, "2 workers ready")
    said = fetch(world, 2000)
    assert said.startswith("2000 ok"), said
    if policy == "rr":
        assert said.split()[2:] == ["from", "2", "processes"], said


@case("node/cluster-rr", EVERYWHERE, needs=["node"])
def round_robin(world):
    """The master accepts and passes each connection with SCM_RIGHTS."""
    cluster(world, "rr")


@case("node/cluster-shared", EVERYWHERE, needs=["node"])
def shared(world):
    """The master passes the listener; the workers accept."""
    cluster(world, "none")
