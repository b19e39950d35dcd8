"""CPython's own socket tests: the result of every single test, compared with the same run on the kernel."""
import fnmatch
import os
import signal
import threading
import time

from harness.registry import HERE, case
from harness.world import PYTHON, Skip

SUITES = {  # module: seconds the whole comparison may take
    "test_socket": 240, "test_select": 60, "test_epoll": 60, "test_selectors": 90, "test_asyncio": 420,
    "test_httplib": 90, "test_socketserver": 90, "test_ssl": 200,
}
STUCK_S = 40
EXPLAINED = os.path.join(HERE, "cpython-differences.txt")


def read_results(path):
    """({test: status}, the test that has begun and not ended)"""
    results, open_test = {}, None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as handle:
            for line in handle:
                status, _, test = line.rstrip("\n").partition(" ")
                if status == "start":
                    open_test = test
                else:
                    results[test] = status
                    open_test = None if test == open_test else open_test
    return results, open_test


def run_suite(world, side, module, results_path):
    """Runs to the end, past tests that hang or kill the interpreter: those are put down as `hang` or `crash`."""
    done_path = results_path + ".done"
    while not world.is_closed:
        process = side.start(PYTHON, os.path.join(HERE, "clients", "cpython.py"), module, results_path,
                             *([done_path] if os.path.exists(done_path) else []), log="%s-%s" % (module, side.name))
        status = watch(process, results_path)
        results, open_test = read_results(results_path)
        if status == 0 and open_test is None:
            return results
        if open_test is None:
            raise AssertionError("%s on %s: exit status %s\n%s" % (
                module, side.name, status, world.log_of(process)[-2000:]))
        verdict = "hang" if status is None else "crash"
        with open(results_path, "a", encoding="utf-8") as handle:
            handle.write("%s %s\n" % (verdict, open_test))
        with open(done_path, "w", encoding="utf-8") as handle:
            handle.write("\n".join(list(results) + [open_test]))
    return {}


def watch(process, results_path):
    """The exit status, or None when it was ended because nothing came for STUCK_S."""
    size, since = -1, time.monotonic()
    while process.poll() is None:
        now = os.path.getsize(results_path) if os.path.exists(results_path) else 0
        if now != size:
            size, since = now, time.monotonic()
        if time.monotonic() - since > STUCK_S:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            return None
        time.sleep(0.1)
    return process.returncode


def explained():
    """[(pattern of tests, status they may have on weir)]; the file and docs/cpython.md give the reasons."""
    with open(EXPLAINED, encoding="utf-8") as handle:
        return [tuple(line.split()[:2]) for line in handle if line.strip() and not line.startswith("#")]


def is_explained(test, status, rows):
    return any(fnmatch.fnmatch(test, pattern) and status == allowed for pattern, allowed in rows)


def compare(world, module):
    kernel = world.namespace("kernel")
    found = {}
    problems = []

    def run_on(name, side):
        try:
            found[name] = run_suite(world, side, module, world.path(name + ".results"))
        except AssertionError as error:
            problems.append(error)
    threads = [threading.Thread(target=run_on, args=pair, daemon=True)  # none keeps us once the time is up
               for pair in (("kernel", kernel), ("weir", world.server))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    on_kernel, on_weir = found["kernel"], found["weir"]
    assert len(on_kernel) > 3, "only %d tests ran on the kernel" % len(on_kernel)
    rows = explained()
    differences = ["%s: %s on the kernel, %s on weir" % (test, on_kernel.get(test, "absent"), on_weir.get(test, "absent"))
                   for test in sorted(set(on_kernel) | set(on_weir))
                   if on_kernel.get(test) != on_weir.get(test) and not is_explained(test, on_weir.get(test), rows)]
    count = {status: list(on_weir.values()).count(status) for status in sorted(set(on_weir.values()))}
    print("    %d tests; on weir %s; on the kernel %d ok" % (len(on_kernel), count, list(on_kernel.values()).count("ok")))
    assert not differences, "%d unexplained differences\n%s" % (len(differences), "\n".join(differences))


def register():
    for module, timeout_s in SUITES.items():
        def body(world, module=module):
            if not os.path.exists("/usr/lib/python3.11/test/test_socket.py"):
                raise Skip("not installed: libpython3.11-testsuite")
            compare(world, module)
        case("cpython/" + module, ("lo4",), timeout_s=timeout_s)(body)


register()
