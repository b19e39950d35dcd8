"""One TCP stream each way, byte-exact: over loopback, over TAP against the kernel, and through a bad link."""
import os

from harness.registry import HERE, LOOPBACK, TAP, case
from harness.world import PYTHON

PROGRAM = os.path.join(HERE, "clients", "bulk.py")
BAD_LINK = "loss=1%,delay=2ms,reorder=2%,seed=7"


def transfer(world, size_bytes, timeout_s):
    server = world.server.start(PYTHON, PROGRAM, "serve", world.addr, 9000, size_bytes)
    world.wait_text(server, "listening")
    said = world.client.text(PYTHON, PROGRAM, "call", world.addr, 9000, size_bytes, "both", timeout_s=timeout_s)
    print("    " + said.replace("\n", " "))
    assert server.wait(10) == 0, world.log_of(server)


@case("bulk/256MiB", LOOPBACK, timeout_s=60)
def loopback(world):
    transfer(world, 256 << 20, 50)


@case("bulk/1GiB", ("serve4", "call6"), timeout_s=170)
def plain(world):
    transfer(world, 1 << 30, 150)


@case("bulk/64MiB-bad-link", TAP, timeout_s=120, link=BAD_LINK)
def bad_link(world):
    transfer(world, 64 << 20, 100)
