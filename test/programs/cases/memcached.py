"""memcached, over its text protocol, TCP and UDP."""
import os

from harness.registry import EVERYWHERE, HERE, case
from harness.world import PYTHON


@case("memcached", EVERYWHERE, needs=["memcached"])
def memcached(world):
    user = ["-u", "root"] if os.geteuid() == 0 else []
    server = world.server.start("memcached", "-l", world.addr, "-p", 11211, "-U", 11211, "-I", "4m", *user)
    world.wait_connect(11211, server)
    said = world.client.text(PYTHON, os.path.join(HERE, "clients", "memcached.py"), world.addr, 11211)
    assert said == "ok\n", said
