"""A static Go HTTP server and client: no libc, its own network poller, epoll edge-triggered."""
import fcntl
import os
import subprocess

from harness.registry import EVERYWHERE, HERE, TOP, case

SOURCES = ("server", "client")
OUT = os.path.join(TOP, "build", "programs", "go")


def build_go():
    """Into build/programs/go, once: two tests may ask at the same time."""
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in SOURCES:
            source, program = os.path.join(HERE, "go", name + ".go"), os.path.join(OUT, name)
            if os.path.exists(program) and os.path.getmtime(program) >= os.path.getmtime(source):
                continue
            subprocess.run(["go", "build", "-o", program, source], check=True, cwd=OUT, timeout=200,
                           env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": "-p=2",
                                "GOCACHE": os.path.join(OUT, "cache"), "GOPATH": os.path.join(OUT, "path")})
    return [os.path.join(OUT, name) for name in SOURCES]


@case("go/http-10000", EVERYWHERE, timeout_s=240, needs=["go"])
def http(world):
    server_program, client_program = build_go()
    server = world.server.start(server_program, "%s:8080" % world.host)
    world.wait_connect(8080, server)
    said = world.client.text(client_program, "http://%s:8080/" % world.host, 10000, timeout_s=100)
    assert said == "10000 ok\n", said


@case("go/dual-stack", ("lo4", "lo6"), timeout_s=240, needs=["go"])
def dual_stack(world):
    """Go listens on [::]; IPv4 comes in mapped."""
    server_program, client_program = build_go()
    server = world.server.start(server_program, ":8080")
    world.wait_connect(8080, server)
    said = world.client.text(client_program, "http://%s:8080/" % world.host, 200)
    assert said == "200 ok\n", said
