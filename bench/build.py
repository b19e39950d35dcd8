"""Builds what is measured: weir's library as a release, the programs over it, and the peers that are there."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
OUT = os.path.join(TOP, "build-bench")
FLAGS = "-std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra".split()
SOCKET_PROGRAMS = ("bulk", "round_trips", "connections", "idle", "syn_flood")
LWIP_LIBRARY_NAMES = ("/usr/lib/%s/liblwip.so" % triplet for triplet in ("x86_64-linux-gnu", "aarch64-linux-gnu"))
GO_SOURCES = "/usr/share/gocode"


class Programs:
    """Where each stack's programs are; missing[stack] says why there are none."""

    def __init__(self):
        self.paths, self.missing, self.lwip_library, self.weir = {}, {}, "", ""

    def path(self, stack, name):
        return self.paths[(stack, name)]


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise SystemExit("bench: %s failed" % " ".join(command))


def compiler():
    return os.environ.get("CC", "cc")


def out(stack, name):
    return os.path.join(OUT, "bench-%s-%s" % (stack, name))


def build_library(is_check):
    """A release build of its own; to see that all works, the one that is there will do. The folder."""
    present = os.path.join(TOP, "build")
    if is_check and os.path.exists(os.path.join(present, "libweir.a")):
        return present
    if not os.path.exists(os.path.join(OUT, "build.ninja")):
        run(["meson", "setup", "--buildtype=release", "-Db_lto=true", "-Ddebug=true", OUT, TOP])
    run(["ninja", "-C", OUT, "--quiet", "libweir.a", "weir"])
    return OUT


def build_sockets(programs, stack, extra, libraries):
    for name in SOCKET_PROGRAMS:
        path = out(stack, name)
        source = os.path.join(HERE, "sockets", name + ".c")
        run([compiler(), *FLAGS, "-I" + HERE, "-I" + os.path.join(HERE, "sockets"), "-I" + os.path.join(HERE, stack), *extra,
             source, *libraries, "-o", path])
        programs.paths[(stack, name)] = path


def build_weir(programs, is_check):
    folder, include = build_library(is_check), "-I" + os.path.join(TOP, "include")
    build_sockets(programs, "weir", [include], [os.path.join(folder, "libweir.a")])
    timers = out("weir", "timers")
    run([compiler(), *FLAGS, "-I" + HERE, "-I" + os.path.join(TOP, "src"), include, os.path.join(HERE, "weir", "timers.c"),
         os.path.join(folder, "libweir_core.a"), "-o", timers])
    programs.paths[("weir", "timers")] = timers
    programs.weir = os.path.join(folder, "weir")


def build_kernel(programs, _):
    build_sockets(programs, "kernel", [], [])


def build_lwip(programs, _):
    library = next((path for path in LWIP_LIBRARY_NAMES if os.path.exists(path)), "")
    if not library or not os.path.isdir("/usr/include/lwip"):
        programs.missing["lwip"] = "liblwip-dev is not installed"
        return
    path = out("lwip", "lwip")
    run([compiler(), *FLAGS, "-I/usr/include/lwip", os.path.join(HERE, "lwip", "lwip.c"), "-o", path])
    programs.paths[("lwip", "lwip")], programs.lwip_library = path, library


def build_gvisor(programs, _):
    if not os.path.isdir(GO_SOURCES + "/src/gvisor.dev/gvisor"):
        programs.missing["gvisor"] = "golang-gvisor-gvisor-dev is not installed"
        return
    path = out("gvisor", "gvisor")
    environment = {**os.environ, "GOPATH": GO_SOURCES, "GO111MODULE": "off", "GOFLAGS": "",
                   "GOCACHE": os.environ.get("GOCACHE", os.path.join(OUT, "go-cache"))}
    run(["go", "build", "-o", path, os.path.join(HERE, "gvisor", "gvisor.go")], env=environment)
    programs.paths[("gvisor", "gvisor")] = path


BUILDERS = {"weir": build_weir, "kernel": build_kernel, "lwip": build_lwip, "gvisor": build_gvisor}


def build_all(stacks, is_check, progress):
    programs = Programs()
    os.makedirs(OUT, exist_ok=True)
    for name, builder in BUILDERS.items():
        if name in stacks:
            progress.say("building for " + name)
            builder(programs, is_check)
    progress.say()
    return programs
