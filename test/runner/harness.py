"""Runs the test_* functions of a file, each in a process of its own under `weir run`, on a machine of the test's own.

    from harness import main; main(globals())          each function runs on the machine
    main(globals(), outside=True)                      each function starts weir itself, with weir() and run()
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
WEIR = os.environ.get("WEIR", os.path.join(TOP, "build", "weir"))
TEST_SECONDS = 20


def weir(*arguments, **options):
    """Runs `weir ARGUMENTS`; text in and out."""
    options.setdefault("timeout", TEST_SECONDS)
    return subprocess.run([WEIR, *arguments], capture_output=True, text=True, **options)


def run(*command, **options):
    return weir("run", "--", *command, **options)


def python(source, *arguments):
    """A command that runs Python source on the machine."""
    return [sys.executable, "-c", source, *arguments]


def counts():
    """Runs and sockets of the machine."""
    match = re.search(r"(\d+) runs?, (\d+) sockets?", weir("ls").stdout)
    return int(match.group(1)), int(match.group(2))


def until(is_so, what_is, limit_s=10):
    """The machine hears of an end when it is scheduled next."""
    end = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end, what_is()
        time.sleep(0.02)


def tests_of(names):
    return [name for name, value in names.items() if name.startswith("test_") and callable(value)]


def run_one(command, name):
    process = subprocess.Popen(command + [name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=TEST_SECONDS)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, status = process.communicate()[0], "no end after %d s" % TEST_SECONDS
    if status == 0:
        print("ok   " + name)
        return True
    print("FAIL %s: %s" % (name, status))
    print("     " + output.strip().replace("\n", "\n     "))
    return False


def main(names, outside=False):
    script = os.path.abspath(sys.argv[0])
    if len(sys.argv) > 1:
        names[sys.argv[1]]()
        return
    if not os.path.exists(WEIR):
        print("weir is not built")
        sys.exit(77)
    runtime = tempfile.mkdtemp(prefix="weir-test-")
    os.environ["XDG_RUNTIME_DIR"] = runtime
    command = [sys.executable, script] if outside else [WEIR, "run", "--", sys.executable, script]
    try:
        if not outside:
            subprocess.run([WEIR, "up"], check=True)
        results = [run_one(command, name) for name in tests_of(names)]
        subprocess.run([WEIR, "down"], stderr=subprocess.DEVNULL)
    finally:
        shutil.rmtree(runtime)
    sys.exit(0 if all(results) else 1)
