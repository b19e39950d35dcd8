"""Network namespaces of the kernel for tests and benchmarks (root): each held by a process, without a name in /run/netns, whose mounts
`ip netns` cannot make in a chroot."""
import subprocess


class Namespace:
    def __init__(self):
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE,
                                       stdin=subprocess.DEVNULL)  # ends with its maker, however that ends
        self.holder.stdout.readline()
        self.pid = str(self.holder.pid)  # what `ip link ... netns PID` takes
        self.path = "/proc/%s/ns/net" % self.pid
        self.enter = ["nsenter", "--net=" + self.path]

    def end(self):
        self.holder.kill()
        self.holder.wait()
