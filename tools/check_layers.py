#!/usr/bin/python3
"""Fails on an #include that goes against the order of the rooms (DESIGN section 7).

check_layers.py [ROOT]      checks ROOT (default: this repository)
check_layers.py --self-test shows on a made tree that every rule can fail
"""
import os
import re
import sys
import tempfile

# Low to high. A room may include itself and what stands before it; rooms of one row are siblings that never meet.
ORDER = [
    ["base"],
    ["wire"],
    ["packet/drop.h", "packet/drop.def", "machine/mib.def", "machine/sysctl.def"],  # plain lists of names
    ["machine/machine.h", "machine/net.h", "machine/composition.h"],  # the context headers: everything above may have them in hand
    ["file"],
    ["packet"],
    ["device"],
    ["neighbour"],
    ["netfilter"],
    ["ip"],
    ["sock"],
    ["socket"],
    ["inet"],
    ["tcp", "udp", "raw", "ping", "unix", "netlink", "afpacket"],
    ["syscall"],
    ["proc"],
    ["machine"],
    # Outside src/: they see the core through its headers, the core never sees them.
    ["lib"],
    ["referee"],
    ["sim"],
    ["runner", "drill"],
    ["cli"],
]
OUTSIDE = ("lib", "referee", "sim", "runner", "drill", "cli")
# What C itself gives without a C library, and the mem* and str* that the core is allowed.
FREESTANDING = {"limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}
SYSTEM_DOOR = "include/weir/uapi.h"
# What a public header may show to an embedder: uapi.h would bring <linux/tcp.h>, which excludes <netinet/tcp.h>.
PUBLIC_SYSTEM = {"poll.h", "sys/epoll.h", "sys/socket.h", "sys/types.h", "sys/uio.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def rank_of(path):
    """(row, name) of a path below src/, or in a room outside it: the longest entry of ORDER that fits."""
    best = None
    for row, names in enumerate(ORDER):
        for name in names:
            if (path == name or path.startswith(name + "/")) and (best is None or len(name) > len(best[1])):
                best = (row, name)
    return best


def resolve(root, file, target):
    """The repository path that `#include "target"` in file means: beside the file, else under src/, else the root."""
    for base in (os.path.dirname(file), "src", "."):
        path = os.path.normpath(os.path.join(base, target))
        if os.path.exists(os.path.join(root, path)):
            return path
    return None


def check_include(root, file, quote, target):
    """Why this include is wrong, or None."""
    if target.startswith("weir/"):
        return None if file != SYSTEM_DOOR else "uapi.h includes only system headers"
    in_core = file.startswith(("src/", "include/"))
    if quote == "<":
        if not in_core or file == SYSTEM_DOOR or target in FREESTANDING:
            return None
        if file.startswith("include/") and target in PUBLIC_SYSTEM:
            return None
        return "system headers come in only through " + SYSTEM_DOOR
    if file.startswith("include/"):
        return "a public header includes only <weir/...>"
    if file.startswith("examples/"):
        return "an example sees only <weir/...>"
    found = resolve(root, file, target)
    if found is None:
        return None  # generated, or the compiler will say so
    here, there = (rank_of(p[4:] if p.startswith("src/") else p) for p in (file, found))
    if there is None:
        return None if not in_core else "outside the rooms"
    if here is None:
        return "room is missing from ORDER in tools/check_layers.py"
    if here[1] == there[1]:
        return None
    if here[0] == there[0]:
        # The lists and context headers of one row are parts of one idea.
        return None if here[1].endswith((".h", ".def")) else "%s and %s are siblings" % (here[1], there[1])
    return None if there[0] < here[0] else "%s stands below %s" % (here[1], there[1])


def check_tree(root):
    problems, files = [], 0
    for top in ("include", "src") + OUTSIDE + ("examples",):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith((".c", ".h", ".def")):
                    continue
                files += 1
                path = os.path.relpath(os.path.join(folder, name), root)
                with open(os.path.join(root, path), encoding="utf-8") as handle:
                    text = handle.read()
                for match in INCLUDE.finditer(text):
                    why = check_include(root, path, *match.groups())
                    if why:
                        line = text.count("\n", 0, match.start(2)) + 1
                        problems.append('%s:%d: includes "%s": %s' % (path, line, match.group(2), why))
    return files, problems


def self_test():
    good = {
        "src/base/list.h": "#include <stdint.h>\n",
        "src/machine/machine.h": '#include "base/list.h"\n#include "machine/net.h"\n',
        "src/machine/net.h": '#include "wire/ip.h"\n',
        "src/wire/ip.h": "#include <weir/uapi.h>\n",
        "src/tcp/ack.h": "",
        "src/udp/udp.h": "",
        "src/tcp/cc/reno.c": '#include "tcp/ack.h"\n#include "../ack.h"\n#include "machine/net.h"\n',
        "src/machine/protocols.c": '#include "tcp/ack.h"\n#include "udp/udp.h"\n',
        "include/weir/uapi.h": "#include <sys/socket.h>\n",
        "runner/loop.c": '#include <poll.h>\n#include "tcp/ack.h"\n',
        "runner/loop.h": "",
        "cli/main.c": '#include "runner/loop.h"\n',
        "examples/echo.c": "#include <stdio.h>\n#include <weir/weir.h>\n",
    }
    bad = [
        ("src/base/hash.c", '#include "wire/ip.h"\n'),
        ("src/sock/sock.c", '#include "tcp/ack.h"\n'),
        ("src/udp/udp.c", '#include "tcp/ack.h"\n'),
        ("src/tcp/ack.c", "#include <stdio.h>\n"),
        ("src/tcp/x.c", '#include "runner/loop.h"\n'),
        ("src/wire/x.c", '#include "machine/net.h"\n'),
        ("src/unknown/x.c", '#include "base/list.h"\n'),
        ("runner/x.c", '#include "cli/main.c"\n'),
        ("include/weir/weir.h", '#include "base/list.h"\n'),
        ("examples/x.c", '#include "base/list.h"\n'),
    ]
    with tempfile.TemporaryDirectory() as root:
        def put(path, text):
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as handle:
                handle.write(text)
        for path, text in good.items():
            put(path, text)
        problems = check_tree(root)[1]
        assert not problems, problems
        for path, text in bad:
            put(path, text)
            assert len(check_tree(root)[1]) == 1, "not found: %s: %s" % (path, text)
            os.unlink(os.path.join(root, path))
    print("check_layers: %d planted faults found" % len(bad))


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    files, problems = check_tree(root)
    for problem in problems:
        print(problem)
    print("check_layers: %d files, %d wrong includes" % (files, len(problems)))
    if files == 0:
        sys.exit("check_layers: found no file to check")
    return sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
