"""Small clients of our own, in clients/."""
import os

from harness.registry import HERE
from harness.world import PYTHON


def check_echo(world, port, size_bytes):
    """Sends and reads back over one connection; every byte must be as it was."""
    said = world.client.text(PYTHON, os.path.join(HERE, "clients", "echo.py"), world.addr, port, size_bytes, retry_s=10)
    assert said == "ok\n", said
