"""python3 -m http.server and curl."""
from harness.registry import LOOPBACK, case
from harness.world import PYTHON

GIB = 1 << 30


def download(world, size_bytes):
    _, digest = world.random_file("served", size_bytes)
    server = world.server.start(PYTHON, "-u", "-m", "http.server", "--bind", world.addr, 8000,
                                "--directory", world.folder)
    world.wait_connect(8000, server)
    got = world.client.text("sh", "-c", "curl -sS --fail --noproxy '*' 'http://%s:8000/served' | sha256sum" % world.host,
                            timeout_s=150)
    assert got.split()[0] == digest, "SHA-256 of the download is %s, of the file %s" % (got.split()[0], digest)


@case("curl/1GiB", LOOPBACK, timeout_s=170, needs=["curl"])
def one_gib(world):
    download(world, GIB)


@case("curl/64MiB", ("serve4", "serve6", "call4", "call6"), needs=["curl"])
def over_tap(world):
    download(world, 64 << 20)
