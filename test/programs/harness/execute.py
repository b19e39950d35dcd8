"""Runs one case with a hard time limit, says what went wrong, and leaves nothing behind."""
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

from harness.world import Skip, World

SKIP_STATUS = 77
LOG_TAIL_LINES = 30
PR_SET_CHILD_SUBREAPER = 36


class Stopped(BaseException):
    """Not an Exception: no `except` in a case may swallow it."""


def stop(number, _frame):
    raise Stopped("the time limit" if number == signal.SIGALRM else "signal %d" % number)


def find_missing(programs):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in programs if not shutil.which(program, path=path) and not os.path.exists(program)]


def print_logs(folder):
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".log"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as handle:
            lines = handle.read().strip().splitlines()
        if lines:
            print("--- %s (last %d of %d lines)" % (name, min(len(lines), LOG_TAIL_LINES), len(lines)))
            print("\n".join("    " + line[:300] for line in lines[-LOG_TAIL_LINES:]))


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry, encoding="utf-8", errors="replace") as handle:
                    parent = int(handle.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == pid:
                found.append(int(entry))
    return found


def end_children():
    """Ends what is left of the case. Orphans come to us (subreaper), so this reaches every descendant."""
    deadline = time.monotonic() + 10
    first = True
    while time.monotonic() < deadline:
        children = children_of(os.getpid())
        if not children:
            return
        for pid in children:
            try:
                os.kill(pid, signal.SIGTERM if first else signal.SIGKILL)
            except ProcessLookupError:
                pass
        end_of_round = time.monotonic() + (1 if first else 0.2)
        first = False
        while time.monotonic() < end_of_round:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.02)
            except ChildProcessError:
                break


def execute(case, options):
    print("== %s on %s" % (case.name, options.on))
    missing = find_missing(case.needs)
    if missing:
        print("not installed: " + " ".join(missing))
        return SKIP_STATUS
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    folder = tempfile.mkdtemp(prefix="weir-test-")
    os.chmod(folder, 0o755)  # servers that give up root must reach their files
    start = time.monotonic()
    world = None
    signal.alarm(case.timeout_s)
    try:
        world = World(case, options, folder)
        case.body(world)
        status, why = 0, "ok, %.1f s" % (time.monotonic() - start)
    except Skip as skip:
        status, why = SKIP_STATUS, str(skip)
    except (Exception, Stopped) as error:  # pylint: disable=broad-except
        status = 1
        if isinstance(error, Stopped):
            traceback.print_exc(limit=-4)
        why = "FAILED after %.1f s: %s: %s" % (time.monotonic() - start, type(error).__name__, error)
        if not isinstance(error, (AssertionError, Stopped)) or not str(error):
            traceback.print_exc(limit=-4)
    signal.alarm(0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if world:
        world.close()
    end_children()
    if status == 1:
        print_logs(folder)
    if options.keep:
        print("logs: " + folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(why)
    sys.stdout.flush()
    return status
