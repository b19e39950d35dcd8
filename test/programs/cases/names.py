"""dig and dnsmasq; libc's resolver, whose sockets are libc's own."""
import os
import subprocess

from harness.registry import EVERYWHERE, LOOPBACK, case
from harness.world import PYTHON, Skip, which

CONFIG = """
no-resolv
no-hosts
no-daemon
port={port}
listen-address={addr}
bind-interfaces
cache-size=0
{user}
address=/four.test/192.0.2.44
address=/six.test/2001:db8::66
host-record=both.test,192.0.2.1,2001:db8::1
{text}
pid-file=
"""


def start_dnsmasq(world, port):
    text = "\n".join("txt-record=long.test," + chr(ord("a") + n) * 200 for n in range(12))
    user = "user=root\ngroup=root" if os.geteuid() == 0 else ""
    world.write("dnsmasq.conf", CONFIG.format(port=port, addr=world.addr, text=text, user=user))
    server = world.server.start(which("dnsmasq"), "-C", world.path("dnsmasq.conf"))
    world.wait_connect(port, server)


def dig(world, *words):
    said = world.client.text("dig", "@" + world.addr, "-p", 5353, "+short", "+tries=2", "+time=3", *words)
    return "\n".join(sorted(line for line in said.splitlines() if not line.startswith(";;")))


@case("dig/dnsmasq", EVERYWHERE, needs=["dnsmasq", "dig"])
def dig_dnsmasq(world):
    start_dnsmasq(world, 5353)
    assert dig(world, "four.test", "A") == "192.0.2.44"
    assert dig(world, "six.test", "AAAA") == "2001:db8::66"
    assert dig(world, "+tcp", "both.test", "A") == "192.0.2.1"
    long = dig(world, "+bufsize=4096", "long.test", "TXT")
    assert len(long) > 2400, long
    assert dig(world, "+noedns", "long.test", "TXT") == long  # too long for 512 bytes: dig comes again over TCP


@case("dig/no-server", EVERYWHERE, needs=["dig"])
def no_server(world):
    said = world.client.run("dig", "@" + world.addr, "-p", 5354, "+tries=1", "+time=2", "four.test", status=9)
    assert b"connection refused" in said.out + said.err, (said.out, said.err)


@case("resolver", LOOPBACK, needs=["dnsmasq", "getent"])
def resolver(world):
    """getaddrinfo in libc: a UDP socket, sendmmsg of both questions, then the address sort with connect()."""
    if os.geteuid() != 0:
        raise Skip("needs root to put another /etc/resolv.conf in place")
    world.write("resolv.conf", "nameserver %s\n" % world.addr)
    inside = ["unshare", "-m", "sh", "-c", "mount --bind %s /etc/resolv.conf && exec \"$@\"" % world.path("resolv.conf"), "sh"]
    if subprocess.run(inside + ["true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("cannot put another /etc/resolv.conf in place here (as in a chroot)")
    start_dnsmasq(world, 53)
    assert world.client.text(*inside, "getent", "ahosts", "four.test").split()[0] == "192.0.2.44"
    assert world.client.text(*inside, "getent", "ahosts", "six.test").split()[0] == "2001:db8::66"
    world.client.run(*inside, "getent", "ahosts", "nothing.test", status=2)
    script = "import socket; print(sorted({row[4][0] for row in socket.getaddrinfo('both.test', 80)}))"
    assert world.client.text(*inside, PYTHON, "-c", script) == "['192.0.2.1', '2001:db8::1']\n"
