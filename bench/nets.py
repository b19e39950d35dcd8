"""Two network namespaces of our own joined by veth, for the kernel's part. Made when first asked for, taken away at the end."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from namespaces import Namespace  # noqa: E402

SERVER_ADDRESS = "10.77.0.2"


def call(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Nets:
    def __init__(self):
        self.made = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for spaces in self.made.values():
            for space in spaces:
                space.end()

    @staticmethod
    def why_not(offloads):
        if os.geteuid() != 0:
            return "network namespaces need root"
        if not shutil.which("ip"):
            return "iproute2 is not installed"
        if not offloads and not shutil.which("ethtool"):
            return "ethtool is not installed"
        return ""

    def veth(self, offloads):
        """Arguments for kernel/pair.h."""
        if offloads not in self.made:
            self.made[offloads] = self.make(offloads)
        client, server = self.made[offloads]
        return ["client_ns=" + client.path, "server_ns=" + server.path, "address=" + SERVER_ADDRESS]

    def loopback(self):
        """A prefix for programs: in a namespace that has its loopback only; without root, none."""
        if os.geteuid() != 0 or not shutil.which("ip"):
            return []
        if "lo" not in self.made:
            self.made["lo"] = (Namespace(),)
            call(*self.made["lo"][0].enter, "ip", "link", "set", "lo", "up")
        return self.made["lo"][0].enter

    @staticmethod
    def make(offloads):
        client, server = Namespace(), Namespace()
        call(*client.enter, "ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench0", "netns", server.pid)
        for space, address in ((client, "10.77.0.1/24"), (server, SERVER_ADDRESS + "/24")):
            call(*space.enter, "ip", "address", "add", address, "dev", "bench0")
            call(*space.enter, "ip", "link", "set", "bench0", "up")
            if not offloads:
                call(*space.enter, "ethtool", "-K", "bench0", "tso", "off", "gso", "off", "gro", "off", "tx", "off")
        return client, server
