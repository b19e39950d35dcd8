"""ssh and sshd. sshd puts its own seccomp filter on the child that speaks before the login."""
import os
import pwd

from harness.clients import check_echo
from harness.registry import EVERYWHERE, case
from harness.world import Skip, which

CONFIG = """
Port 2222
ListenAddress {addr}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/user_key.pub
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
AllowTcpForwarding yes
Subsystem sftp internal-sftp
"""


def start_sshd(world):
    if os.geteuid() != 0 and not world.server.is_weir:
        raise Skip("sshd needs root in a user namespace")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    for name in ("host_key", "user_key"):
        world.client.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.path(name))
    world.write("sshd_config", CONFIG.format(addr=world.addr, folder=world.folder))
    server = world.server.start(which("sshd"), "-D", "-e", "-f", world.path("sshd_config"))
    world.wait_connect(2222, server)


def ssh_words(world):
    user = pwd.getpwuid(os.geteuid()).pw_name
    return ["-F", "none", "-i", world.path("user_key"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new",
            "-o", "UserKnownHostsFile=" + world.path("known_hosts"), "-l", user]


@case("ssh", EVERYWHERE, needs=["sshd", "ssh", "ssh-keygen"])
def ssh(world):
    start_sshd(world)
    base = ["ssh", "-p", 2222] + ssh_words(world) + [world.addr]
    data = os.urandom(4 << 20)
    assert world.client.run(*base, "cat", input=data).out == data
    world.client.run(*base, "exit 23", status=23)
    assert world.client.text(*base, "echo $SSH_CONNECTION").split()[0::2] == [world.client_addr, world.addr]


@case("ssh/forward", ("lo4", "lo6"), needs=["sshd", "ssh", "ssh-keygen", "socat"])
def forward(world):
    """A TCP forward: the login's sshd connects, ssh listens."""
    start_sshd(world)
    echo = world.server.start("socat", "TCP%d-LISTEN:7000,bind=%s,reuseaddr,fork" % (world.family, world.host), "EXEC:cat")
    world.wait_connect(7000, echo)
    tunnel = world.client.start("ssh", "-p", 2222, *ssh_words(world), "-N", "-o", "ExitOnForwardFailure=yes",
                                "-L", "%s:7100:%s:7000" % (world.host, world.host), world.addr)
    world.wait_connect(7100, tunnel)
    check_echo(world, 7100, 1 << 20)
