"""The rows of the table: a workload each, the figures it gives, and who takes part."""
import os
import resource
import shutil

import nets

NO_TUN = {} if os.geteuid() == 0 and os.path.exists("/dev/net/tun") else {"kernel": "needs root and /dev/net/tun"}
HERE = os.path.dirname(os.path.abspath(__file__))


class Figure:
    def __init__(self, key, unit, is_less_better=False, is_compared=True):
        self.key, self.unit, self.is_less_better, self.is_compared = key, unit, is_less_better, is_compared


class Contender:
    """A stack in a row; missing: why it does not take part, note: what is different for it."""

    def __init__(self, name, words, missing="", note=""):
        self.name, self.words, self.missing, self.note = name, words, missing, note

    def command(self, seconds):
        """What to run; a prefix for programs comes after a `--`."""
        split = self.words.index("--") if "--" in self.words else len(self.words)
        return [*self.words[:split], "seconds=%g" % seconds, *self.words[split:]]


class Row:
    is_default = True

    def __init__(self, name, title, program, figures, arguments=(), stacks=(), veth=(), runs=99, without=None, check=()):
        self.name, self.title, self.program, self.figures, self.arguments = name, title, program, figures, list(arguments)
        self.stacks = ("weir", *stacks)
        self.veth, self.timeout_s, self.without = veth, 240, without or {} # without: stack -> why
        self.runs = runs                                                   # at most so many: it takes long
        self.check_arguments = list(check)                                 # to see that it works, more of them
        self.contenders = []

    def of_kernel(self, programs):
        """Both ends are descriptors of one process, of which there may be too few."""
        contender = Contender("kernel loopback", [programs.path("kernel", self.program), *self.arguments])
        connections = next((int(word.split("=")[1]) for word in self.arguments if word.startswith("connections=")), 1)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 50
        if connections > most:
            contender.words.insert(1, "connections=%d" % most)
            contender.note = "%d connections: no more descriptors are allowed here" % most
        return contender

    def of_stack(self, stack, programs):
        missing = programs.missing.get(stack, "") or self.without.get(stack, "")
        if missing:
            return Contender(stack, [], missing)
        if stack == "lwip":
            return Contender(stack, [programs.path("lwip", "lwip"), "workload=" + self.program,
                                     "library=" + programs.lwip_library, *self.arguments])
        if stack == "gvisor":
            return Contender(stack, [programs.path("gvisor", "gvisor"), "workload=" + self.program, *self.arguments])
        if stack == "kernel":
            return self.of_kernel(programs)
        return Contender(stack, [programs.path(stack, self.program), *self.arguments])

    def contend(self, programs, namespaces, is_check):
        """Who runs, once what there is to run is known."""
        self.contenders = []
        if is_check:
            self.arguments = self.check_arguments + self.arguments
        for stack in self.stacks:
            if stack == "kernel" and self.veth:
                continue
            self.contenders.append(self.of_stack(stack, programs))
        for offloads in self.veth:
            name = "kernel veth" + ("" if offloads else ", no offloads")
            why = nets.Nets.why_not(offloads)
            words = [] if why else [programs.path("kernel", self.program), *self.arguments, *namespaces.veth(offloads)]
            self.contenders.append(Contender(name, words, why))

class ProgramRow:
    """Unmodified programs, a server and its load, through the trap door and on the kernel's loopback. Rates are by the wall clock."""
    stacks, runs, is_default = ("weir",), 5, True

    def __init__(self, name, title, figures, needs):
        self.name, self.title, self.figures, self.needs, self.timeout_s = name, title, figures, needs, 120
        self.contenders = []

    def contend(self, programs, namespaces, is_check):
        lacking = [need for need in self.needs if not shutil.which(need)]
        missing = "%s is not installed" % ", ".join(lacking) if lacking else ""
        if is_check and self.name != "nginx":
            missing = "one of the programs is enough for a check"
        script = [os.path.join(HERE, "program.py"), self.name, "--"]
        self.contenders = [
            Contender("weir", script + [programs.weir, "run", "-m", "bench%d" % os.getpid(), "--"], missing),
            Contender("kernel loopback", script + namespaces.loopback(), missing),
        ]


BULK = (Figure("gbit_per_s", "Gbit/s"), Figure("segments_per_s", "segments/s"))
ROUND_TRIPS = (Figure("round_trips_per_s", "round trips/s"),)
CONNECTIONS = (Figure("connections_per_s", "connections/s"),)
REQUESTS = (Figure("requests_per_s", "requests/s"), Figure("p99_ms", "ms, 99 %", True))
REDIS = (Figure("set_per_s", "SET/s"), Figure("get_per_s", "GET/s"))
ALL = ("lwip", "gvisor", "kernel")
LINEAR = "finds a connection by a linear search; takes too long to set up"
MANY = {"lwip": LINEAR, "gvisor": "does not settle within seconds"}


def round_trips(connections):
    return Row("round-trips-%d" % connections, "64 B request and response, %d connections" % connections, "round_trips",
               ROUND_TRIPS, ["connections=%d" % connections], ALL, without=MANY if connections > 1000 else None)


IDLE = (Figure("used_bytes", "bytes used an end", True), Figure("resident_bytes", "bytes resident an end", True),
        Figure("hot_ns", "ns a packet, among 10", True), Figure("random_ns", "ns a packet, among all", True),
        Figure("chase_ns", "ns a cache miss there", is_compared=False))
SLOW = {"lwip": LINEAR, "gvisor": "takes too long to set up",
        "kernel": "more descriptors than are allowed here"}


def idle(connections):
    """Bytes used, by the stack's own books; the kernel's are what all slabs grew by."""
    is_few = connections <= 1000
    return Row("idle-%d" % connections, "{:,} idle connections".format(connections), "idle", IDLE, ["connections=%d" % connections],
               ALL, runs=99 if is_few else 3 if connections <= 100000 else 1, without=None if is_few else SLOW,
               check=["packets=2000"] if is_few else ["connections=1000", "packets=2000"])


def idle_most():
    """As many as half of the memory that is free holds, 20 GiB at most: for minutes, so only when asked for."""
    with open("/proc/meminfo", encoding="utf-8") as text:
        free = next(int(line.split()[1]) << 10 for line in text if line.startswith("MemAvailable"))
    row = idle(min(20 << 30, free // 2) // (2 * 1200) // 1000 * 1000)
    row.name, row.is_default, row.timeout_s = "idle-most", False, 3600
    return row


ROWS = [
    Row("bulk", "one stream, MTU 1500, checksums", "bulk", BULK, stacks=("lwip", "gvisor"), veth=(False,)),
    Row("bulk-64k", "one stream, frames of 64 KiB", "bulk", BULK[:1], ["mtu=65535"], ("kernel",), veth=(True,)),
    *(round_trips(connections) for connections in (1, 10, 1000, 10000)),
    Row("connect-reset", "connect, accept, close with reset", "connections", CONNECTIONS, ["close=reset"], ALL, without={"gvisor": "its Go interface closes without resets"}),
    Row("connect-close", "connect, accept, close; 64 in TIME-WAIT", "connections", CONNECTIONS, ["close=normal"], ALL),
    Row("connect-close-4096", "the same, 4,096 in TIME-WAIT", "connections", CONNECTIONS, ["close=normal", "time_wait=4096"], ALL,
        without={"gvisor": "measured with few in TIME-WAIT only"}),
    *(idle(connections) for connections in (1000, 100000, 1000000)),
    idle_most(),
    Row("syn-flood", "SYNs answered by cookies; a bulk stream beside 100,000 of them a second", "syn_flood",
        (Figure("syns_per_s", "SYN/s"), Figure("kept_percent", "% of goodput kept")), stacks=("kernel",), without=NO_TUN),
    Row("timers", "a million timers armed, moved, fired", "timers",
        (Figure("arm_ns", "ns to arm", True), Figure("move_ns", "ns to move", True), Figure("fire_ns", "ns to fire", True))),
    ProgramRow("nginx", "nginx and wrk, 64 connections, 612 B", REQUESTS, ["nginx", "wrk"]),
    ProgramRow("nginx-close", "the same, a connection for each request", REQUESTS, ["nginx", "wrk"]),
    ProgramRow("redis", "redis-benchmark -c 50 -P 1", REDIS, ["redis-server", "redis-benchmark"]),
    ProgramRow("redis-pipelined", "redis-benchmark -c 50 -P 16", REDIS, ["redis-server", "redis-benchmark"]),
    ProgramRow("iperf3", "iperf3, one stream", BULK[:1], ["iperf3"]),
    ProgramRow("sockperf", "sockperf ping-pong, 64 B", (Figure("p50_us", "us a round trip", True), Figure("p99_us", "us, 99 %", True)),
               ["sockperf"]),
]
