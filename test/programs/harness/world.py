"""Where a case's programs run: a server's side and a client's side, each either on weir or in a network namespace."""
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import time

from harness.registry import HERE

PYTHON = "/usr/bin/python3"
WEIR4, WEIR6 = "10.77.0.2", "fd77::2"
KERNEL4, KERNEL6 = "10.77.0.1", "fd77::1"
TAP_NAME = "wtap0"


class Skip(Exception):
    """This test cannot run here; the text says why."""


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


class Side:
    """Programs started here share one stack."""
    def __init__(self, world, name, prefix, is_weir):
        self.world, self.name, self.prefix, self.is_weir = world, name, prefix, is_weir

    def start(self, *command, log=None, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
        """A program that runs until the case ends or stop()s it. Its output goes to <log>.log."""
        command = [str(word) for word in command]
        path = self.world.new_log(log or os.path.basename(command[0]))
        print("+ [%s] %s &" % (self.name, shlex.join(command)))
        with open(path, "wb") as handle:
            process = subprocess.Popen(self.prefix + command, stdin=stdin, stdout=stdout or handle, stderr=handle,
                                       env={**os.environ, **(env or {})}, cwd=cwd or self.world.folder,
                                       start_new_session=True)
        process.log_path = path
        process.shown = shlex.join(command)
        self.world.processes.append(process)
        return process

    def run(self, *command, timeout_s=60, status=0, input=None, env=None, cwd=None, retry_s=0):
        """Runs to the end; asserts the exit status (None: any). retry_s: repeats for so long while it fails."""
        command = [str(word) for word in command]
        print("+ [%s] %s" % (self.name, shlex.join(command)))
        give_up = time.monotonic() + retry_s
        while True:
            try:
                done = subprocess.run(self.prefix + command, input=input or b"", timeout=timeout_s,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                      env={**os.environ, **(env or {})}, cwd=cwd or self.world.folder)
            except subprocess.TimeoutExpired as late:
                raise AssertionError("%s: no end after %d s; so far: %s%s" % (
                    command[0], timeout_s, (late.stdout or b"")[-1000:].decode("utf-8", "replace"),
                    (late.stderr or b"")[-1000:].decode("utf-8", "replace"))) from None
            if status is None or done.returncode == status:
                return Result(done.returncode, done.stdout, done.stderr)
            if time.monotonic() > give_up:
                raise AssertionError("%s: exit status %d\n%s%s" % (
                    shlex.join(command)[:300], done.returncode, done.stdout[-2000:].decode("utf-8", "replace"),
                    done.stderr[-2000:].decode("utf-8", "replace")))
            time.sleep(0.1)

    def text(self, *command, **options):
        return self.run(*command, **options).out.decode("utf-8", "replace")

    def sysctl(self, name, value):
        self.run("sh", "-c", "echo %s >/proc/sys/%s" % (value, name.replace(".", "/")))


class World:
    def __init__(self, case, options, folder):
        self.name, self.setting, self.folder = case.name, case.setting, folder
        self.weir = os.path.abspath(options.weir)
        self.machine = "test-%d" % os.getpid()
        self.family = 6 if case.setting.endswith("6") else 4
        self.is_loopback = case.setting.startswith("lo")
        self.processes, self.logs = [], 0
        self.machine_used = self.is_closed = False
        if options.on == "weir" and not os.access(self.weir, os.X_OK):
            raise AssertionError("%s is not built" % self.weir)
        if self.is_loopback:
            self.server = self.client = self.weir_side() if options.on == "weir" else self.namespace("host")
            self.addr = self.client_addr = "::1" if self.family == 6 else "127.0.0.1"
            return
        kernel = self.namespace("kernel")
        weir = self.join_tap(kernel, case.link) if options.on == "weir" else self.join_veth(kernel, case.link)
        weir_serves = case.setting.startswith("serve")
        self.server, self.client = (weir, kernel) if weir_serves else (kernel, weir)
        weir_addr, kernel_addr = (WEIR6, KERNEL6) if self.family == 6 else (WEIR4, KERNEL4)
        self.addr, self.client_addr = (weir_addr, kernel_addr) if weir_serves else (kernel_addr, weir_addr)
        # The first packet of a fresh link may find no neighbour yet.
        self.client.run(PYTHON, os.path.join(HERE, "harness", "reach.py"), self.addr, timeout_s=20)

    def weir_side(self):
        self.machine_used = True
        return Side(self, "weir", [self.weir, "run", "-m", self.machine, "--"], True)

    def namespace(self, name):
        """A network namespace of the kernel with only loopback, held by a process of ours."""
        flags = ["-n"] if os.geteuid() == 0 else ["-U", "-r", "-n"]
        ready = os.path.join(self.folder, name + ".ready")
        holder = subprocess.Popen(["unshare"] + flags + ["sh", "-c", "ip link set lo up && : >%s && exec sleep 3600" % ready],
                                  stdin=subprocess.DEVNULL, start_new_session=True)
        self.processes.append(holder)
        give_up = time.monotonic() + 5
        while not os.path.exists(ready):
            if holder.poll() is not None or time.monotonic() > give_up:
                raise Skip("no network namespace: needs root or unprivileged user namespaces")
            time.sleep(0.01)
        enter = ["nsenter", "-t", str(holder.pid), "-n"]
        if os.geteuid() != 0:
            enter[3:3] = ["-U", "--preserve-credentials"]
        side = Side(self, name, enter, False)
        side.holder = holder
        return side

    def join_tap(self, kernel, link):
        if os.geteuid() != 0:
            raise Skip("TAP needs root")
        if not os.path.exists("/dev/net/tun"):
            raise Skip("no /dev/net/tun")
        self.machine_used = True
        command = kernel.prefix + [self.weir, "up", "-m", self.machine,
                                   "--tap", "%s,%s/24,%s/64" % (TAP_NAME, WEIR4, WEIR6)]
        if link:
            command += ["--link", link]
        print("+ " + shlex.join(command))
        with open(self.new_log("weir-up"), "wb") as log:
            subprocess.run(command, check=True, timeout=20, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.address(kernel, TAP_NAME, KERNEL4, KERNEL6)
        return self.weir_side()

    def join_veth(self, kernel, link):
        if link:
            raise Skip("the kernel here has no netem")
        if os.geteuid() != 0:
            raise Skip("veth needs root")
        other = self.namespace("stand-in")
        kernel.run("ip", "link", "add", TAP_NAME, "type", "veth", "peer", "name", TAP_NAME, "netns", other.holder.pid)
        self.address(kernel, TAP_NAME, KERNEL4, KERNEL6)
        self.address(other, TAP_NAME, WEIR4, WEIR6)
        return other

    @staticmethod
    def address(side, device, four, six):
        side.run("ip", "addr", "add", four + "/24", "dev", device)
        side.run("ip", "-6", "addr", "add", six + "/64", "dev", device, "nodad")
        side.run("ip", "link", "set", device, "up")

    # What cases use.

    def keep_machine(self):
        """A machine that outlives its programs: for a case that leaves it empty between two of them."""
        if self.server.is_weir and self.is_loopback:
            self.outside(self.weir, "up", "-m", self.machine)

    def outside(self, *command, timeout_s=60):
        """Runs a program that has nothing to do with the network, where we ourselves run."""
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout_s, check=False, cwd=self.folder)
        assert done.returncode == 0, "%s: exit status %d\n%s" % (
            command, done.returncode, done.stdout[-2000:].decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")

    @property
    def host(self):
        """The server's address as a URL has it."""
        return "[%s]" % self.addr if self.family == 6 else self.addr

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as handle:
            handle.write(text)
        return self.path(name)

    def new_log(self, name):
        self.logs += 1
        return self.path("%02d-%s.log" % (self.logs, name))

    def log_of(self, process):
        with open(process.log_path, encoding="utf-8", errors="replace") as handle:
            return handle.read()

    def random_file(self, name, size_bytes):
        """(path, SHA-256 in hex) of a file that no compression or repetition would hide a fault in."""
        block = os.urandom(1 << 20)
        digest = hashlib.sha256()
        with open(self.path(name), "wb") as handle:
            for index in range(0, size_bytes, len(block)):
                piece = (index.to_bytes(8, "big") + block[8:])[:size_bytes - index]
                handle.write(piece)
                digest.update(piece)
        return self.path(name), digest.hexdigest()

    def sha256(self, path):
        digest = hashlib.sha256()
        with open(path, "rb") as handle:
            while piece := handle.read(1 << 20):
                digest.update(piece)
        return digest.hexdigest()

    def wait_for(self, condition, what, timeout_s=15, process=None):
        give_up = time.monotonic() + timeout_s
        while not condition():
            if process is not None and process.poll() is not None:
                raise AssertionError("%s ended with %d while waiting for %s\n%s" % (
                    process.shown, process.returncode, what, self.log_of(process)[-2000:]))
            if time.monotonic() > give_up:
                raise AssertionError("waited %d s for %s" % (timeout_s, what))
            time.sleep(0.05)

    def wait_text(self, process, pattern, timeout_s=15):
        """Until the program has printed what the pattern fits; returns the match."""
        self.wait_for(lambda: re.search(pattern, self.log_of(process)), repr(pattern), timeout_s, process)
        return re.search(pattern, self.log_of(process))

    def wait_connect(self, port, process=None, timeout_s=15):
        """Until the server takes connections, seen from the client's side."""
        give_up = time.monotonic() + timeout_s
        while True:
            said = self.client.run(PYTHON, os.path.join(HERE, "harness", "reach.py"), self.addr, port, 2, status=None)
            if said.status == 0:
                return
            what = said.err.decode("utf-8", "replace")
            if process is not None and process.poll() is not None:
                raise AssertionError("%s ended with %d: %s" % (process.shown, process.returncode, self.log_of(process)[-2000:]))
            if time.monotonic() > give_up:
                raise AssertionError("waited %d s for port %d: %s" % (timeout_s, port, what))

    def stop(self, process, number=signal.SIGTERM, timeout_s=10):
        """Asks the program to end and returns its exit status."""
        if process.poll() is None:
            os.killpg(process.pid, number)
        return process.wait(timeout_s)

    def close(self):
        """Puts down the machine; what still runs after is ended by execute.end_children()."""
        self.is_closed = True
        for process in reversed(self.processes):
            if process.poll() is None:
                try:
                    os.killpg(process.pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
        if self.machine_used:
            try:
                subprocess.run([self.weir, "down", "-m", self.machine], timeout=10, check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            except (subprocess.TimeoutExpired, OSError):
                pass


def which(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
