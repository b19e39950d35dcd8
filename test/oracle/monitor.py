"""What `ip monitor` tells while the loopback is changed, in order; and what a socket that joined groups is given."""
import os
import re
import select
import struct
import subprocess

from oracle import *

SOL_NETLINK, ADD, DROP, PKTINFO, NO_ENOBUFS, LIST = 270, 1, 2, 3, 5, 9
GROUP_LINK, GROUP_ADDRESS4 = 1, 5
RTM_NEWADDR, RTM_DELADDR, NLM_F_REQUEST, NLM_F_ACK, NLM_F_ECHO = 20, 21, 1, 4, 8

SCRIPT = """ip addr add 10.1.1.1/24 dev lo
ip addr add 10.1.1.2/24 brd + dev lo
ip addr add 10.1.1.2/24 dev lo
ip -6 addr add fd00::1/64 dev lo nodad
ip -6 addr add fd00::2/64 dev lo
ip link set lo mtu 1500
ip link set lo mtu 1500
ip link set lo promisc on
ip link set lo promisc off
ip link set lo txqueuelen 500
ip route add 10.9.0.0/16 dev lo
ip route replace 10.9.0.0/16 dev lo mtu 1400 src 10.1.1.1
ip -6 route add fd01::/64 dev lo metric 5
ip -6 route replace fd01::/64 dev lo metric 5 mtu 1400
ip route add blackhole 10.66.0.0/16
ip -6 route add blackhole fd66::/16
ip route del 10.9.0.0/16
ip -6 route del fd01::/64
ip route del 10.99.0.0/16
ip -6 neigh add fd00::7 lladdr 02:00:00:00:00:07 dev lo
ip -6 neigh replace fd00::7 lladdr 02:00:00:00:00:08 dev lo nud permanent
ip -6 neigh del fd00::7 dev lo
ip addr change 10.1.1.1/24 dev lo valid_lft 1000 preferred_lft 500
ip -6 addr change fd00::1/64 dev lo valid_lft 1000 preferred_lft 500
ip addr add 10.5.5.5/32 dev lo valid_lft 100 preferred_lft 200
ip addr add 10.5.5.5/32 dev lo valid_lft 0
ip addr add 10.5.5.5/32 dev lo valid_lft 300 preferred_lft 0
sysctl -qw net.ipv4.conf.lo.rp_filter=1
sysctl -qw net.ipv4.conf.lo.rp_filter=1
sysctl -qw net.ipv4.conf.all.forwarding=1
sysctl -qw net.ipv4.ip_forward=0
ip netconf
ip -6 netconf show dev lo
ip addr del 10.5.5.5/32 dev lo
ip addr del 10.1.1.1/24 dev lo
ip -6 addr del fd00::1/64 dev lo
ip link set lo down
ip link set lo up
ip route flush table main
ip addr flush dev lo
"""


def told(monitor, quiet_ms):
    """What comes until nothing came for quiet_ms."""
    text, poll = b"", select.poll()
    poll.register(monitor.stdout, select.POLLIN)
    while poll.poll(quiet_ms):
        text += os.read(monitor.stdout.fileno(), 65536)
    return [re.sub(r"\b\d+sec", "Nsec", re.sub(r"\s+", " ", line)).strip() for line in re.sub(r"\n\s+", " ", text.decode()).splitlines()]


def run_script():
    monitor = subprocess.Popen(["ip", "monitor", "all"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    subprocess.run(["ip", "link", "set", "lo", "txqueuelen", "999"], stderr=subprocess.DEVNULL)
    told(monitor, 500)
    for number, command in enumerate(SCRIPT.splitlines()):
        done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        show(f"{number} {command}", (done.returncode, re.sub(r"\s+", " ", done.stdout).strip()))
        for line in told(monitor, 200):
            show(f"{number} told", line)
    monitor.kill()


def messages(sock):
    """(type, flags, seq, whose port, groups of the sender, control) of all that waits; errors as they come."""
    sock.setblocking(False)
    while True:
        try:
            data, control, _flags, sender = sock.recvmsg(8192, 256)
        except BlockingIOError:
            return
        except OSError as e:
            yield e.strerror
            continue
        while data:
            length, kind, flags, sequence, port = struct.unpack("IHHII", data[:16])
            port = {asker.getsockname()[1]: "asker", 0: 0}.get(port, "other")
            yield kind, hex(flags), sequence, port, sender[1], [(level, name, value.hex()) for level, name, value in control]
            data = data[(length + 3) & ~3:]


def address_request(kind, flags, sequence, address):
    raw = socket.inet_aton(address)
    body = struct.pack("BBBBI", socket.AF_INET, 32, 0, 0, 1) + struct.pack("HH4s", 8, 2, raw) + struct.pack("HH4s", 8, 1, raw)
    asker.send(struct.pack("IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, sequence, 0) + body)


def netlink(protocol=socket.NETLINK_ROUTE, groups=0):
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    sock.bind((0, groups))
    return sock


def memberships(sock):
    return sock.getsockopt(SOL_NETLINK, LIST, 64).hex()


run_script()
for protocol in (socket.NETLINK_ROUTE, 4):
    sock = netlink(protocol)
    show("joined none", memberships(sock))
    for group in (0, 1, 3, 30, 31, 32, 33, 39, 40, 64):
        show(f"join {protocol} {group}", attempt(sock.setsockopt, SOL_NETLINK, ADD, group))
    show("joined", (memberships(sock), sock.getsockname()[1]))
    for group in (1, 39, 999):
        show(f"leave {protocol} {group}", attempt(sock.setsockopt, SOL_NETLINK, DROP, group))
    show("left", (memberships(sock), sock.getsockname()[1]))
    show("bind", (attempt(sock.bind, (sock.getsockname()[0], 0xff)), memberships(sock)))
    show("bind all", (attempt(sock.bind, (sock.getsockname()[0], 0xffffffff)), memberships(sock)))
listener, asker = netlink(groups=1 << (GROUP_ADDRESS4 - 1)), netlink()
listener.setsockopt(SOL_NETLINK, PKTINFO, 1)
sequence = 100
for flags in (0, NLM_F_ACK, NLM_F_ECHO, NLM_F_ACK | NLM_F_ECHO):
    for kind in (RTM_NEWADDR, RTM_DELADDR, RTM_DELADDR):
        sequence += 1
        address_request(kind, flags, sequence, "10.3.3.3")
        show(f"asked {kind} {flags}", (list(messages(listener)), list(messages(asker))))
asker.setsockopt(SOL_NETLINK, ADD, GROUP_ADDRESS4)
address_request(RTM_NEWADDR, NLM_F_ACK, 7, "10.3.3.3")
show("asker is member", (list(messages(listener)), list(messages(asker))))
address_request(RTM_DELADDR, NLM_F_ACK | NLM_F_ECHO, 8, "10.3.3.3")
show("asker is member, echo", (list(messages(listener)), list(messages(asker))))
if os.environ.get("ORACLE_PRIVILEGED"):
    for no_enobufs in (0, 1):
        listener.setsockopt(SOL_NETLINK, NO_ENOBUFS, no_enobufs)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        for last in range(60):
            address_request(RTM_NEWADDR if no_enobufs == 0 else RTM_DELADDR, 0, last, f"10.4.5.{last}")
        got = list(messages(listener))
        show(f"overrun, no_enobufs {no_enobufs}", ([m for m in got if isinstance(m, str)], len(got) < 30))
        address_request(RTM_NEWADDR, 0, 99, f"10.6.6.{no_enobufs}")
        show("after", len(list(messages(listener))))
other = netlink(groups=1)
show("to a group", attempt(asker.sendto, struct.pack("IHHII", 16, 99, 0, 1, 0), (0, 1)))
show("of a group", list(messages(other)))
