"""`ip` and `ss` on the loopback: what they show, what they may change, how they are refused."""
import re
import subprocess

from oracle import *

SCRIPT = """ip addr show
ip addr add 10.1.1.1/24 dev lo
ip addr add 10.1.1.1/24 dev lo
ip addr add 10.1.1.2/24 brd + dev lo
ip -6 addr add fd00::1/64 dev lo nodad
ip -6 addr add fd00::1/64 dev lo nodad
ip addr add 10.0.0.1/24 dev nosuch
ip addr show dev lo
ip -o -4 addr
ip -j addr show lo
ip link set lo mtu 1500
ip link show lo
ip link set nosuch up
ip link add d0 type nosuchkind
ip route add 10.9.0.0/16 dev lo
ip route add 10.9.0.0/16 dev lo
ip route add 10.7.0.0/16 via 192.0.2.1
ip -6 route add fd01::/64 dev lo metric 5
ip route
ip -6 route
ip route show table local
ip -6 route show table local
ip route get 10.9.1.1
ip route get 127.0.0.9
ip route get 192.0.2.9
ip -6 route get ::1
ip route get 224.0.0.1 oif lo
ip route replace 10.9.0.0/16 dev lo mtu 1400 src 10.1.1.1
ip route
ip route del 10.9.0.0/16
ip route del 10.9.0.0/16
ip -6 route del fd01::/64
ip route add blackhole 10.66.0.0/16
ip route add unreachable 10.67.0.0/16
ip route add prohibit 10.68.0.0/16
ip route get 10.66.0.1
ip route get 10.67.0.1
ip route get 10.68.0.1
ip route flush table main
ip route
ip addr del 10.1.1.1/24 dev lo
ip addr del 10.77.1.1/24 dev lo
ip addr show dev lo
ip link set lo down
ip link show lo
ip route show table local
ip link set lo up
ip route show table local
ip addr show dev lo
ip neigh
ip rule
ip -6 rule
ip maddr
ss -tan
ss -xan
ip -d link show lo
bridge link
"""


def run(command):
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, re.sub(r"\s+", " ", done.stdout).strip()


for number, command in enumerate(SCRIPT.splitlines()):
    show(f"{number} {command}", run(command))
server = listener()
client = socket.create_connection(server.getsockname())
accepted = server.accept()[0]
client.send(b"hello")
wait_readable(accepted)
ports = {client.getsockname()[1]: "C", server.getsockname()[1]: "S"}
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("::", 5353))


def sorted_ss(*arguments):
    text = subprocess.run(["ss", *arguments], stdout=subprocess.PIPE, text=True).stdout
    for port, letter in ports.items():
        text = text.replace(f":{port} ", f":{letter} ")
    return sorted(re.sub(r"\s+", " ", line).strip() for line in text.splitlines())


for arguments in ("-tan", "-uan", "-wan", "-tln", "-ta state established", "-tan dport = :1", "-K -tan dport = :1"):
    for line in sorted_ss(*arguments.split(), "-n"):
        show(f"ss {arguments}", line)
if os.environ.get("ORACLE_PRIVILEGED"):
    subprocess.run(["ss", "-K", "-tn", "sport", "=", f":{client.getsockname()[1]}"], stdout=subprocess.DEVNULL)
    show("killed", (attempt(client.recv, 9), attempt(accepted.recv, 9), attempt(accepted.recv, 9)))
    for line in sorted_ss("-tan"):
        show("after", line)
