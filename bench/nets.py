"""Two network namespaces of our own joined by veth, for the kernel's part. Made when first asked for, taken away at the end."""
import os
import shutil
import subprocess

SERVER_ADDRESS = "10.77.0.2"


def call(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Nets:
    def __init__(self):
        self.made = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for names in self.made.values():
            for name in names:
                subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

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
            self.made[offloads] = self.make("weirbench-%d-%d" % (os.getpid(), offloads), offloads)
        client, server = self.made[offloads]
        return ["client_ns=/run/netns/" + client, "server_ns=/run/netns/" + server, "address=" + SERVER_ADDRESS]

    def loopback(self):
        """A prefix for programs: in a namespace that has its loopback only; without root, none."""
        if os.geteuid() != 0 or not shutil.which("ip"):
            return []
        if "lo" not in self.made:
            name = "weirbench-%d-lo" % os.getpid()
            self.made["lo"] = (name,)
            call("ip", "netns", "add", name)
            call("ip", "-n", name, "link", "set", "lo", "up")
        return ["ip", "netns", "exec", self.made["lo"][0]]

    @staticmethod
    def make(prefix, offloads):
        client, server = prefix + "c", prefix + "s"
        call("ip", "netns", "add", client)
        call("ip", "netns", "add", server)
        call("ip", "-n", client, "link", "add", "bench0", "type", "veth", "peer", "name", "bench0", "netns", server)
        for name, address in ((client, "10.77.0.1/24"), (server, SERVER_ADDRESS + "/24")):
            call("ip", "-n", name, "address", "add", address, "dev", "bench0")
            call("ip", "-n", name, "link", "set", "bench0", "up")
            if not offloads:
                call("ip", "netns", "exec", name, "ethtool", "-K", "bench0", "tso", "off", "gso", "off", "gro", "off", "tx", "off")
        return client, server
