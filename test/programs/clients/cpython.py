"""cpython.py MODULE RESULTS [DONE]: runs a module of CPython's test suite. Appends to RESULTS a line `start ID`, and one
`STATUS ID` at its end, for each test; leaves out the tests that the file DONE names, and those of AF_VSOCK, which is the
hypervisor's and the same for both runs."""
import sys
import traceback
import unittest

from test import support


class Recorder(unittest.TestResult):
    def __init__(self, path):
        super().__init__()
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        self.worst = {}

    def startTest(self, test):
        super().startTest(test)
        self.worst[test.id()] = "ok"
        self.file.write("start %s\n" % test.id())

    def stopTest(self, test):
        super().stopTest(test)
        self.file.write("%s %s\n" % (self.worst[test.id()], test.id()))

    def note(self, test, status, error=None):
        print("== %s %s" % (status, test.id()), flush=True)
        if isinstance(error, str):
            print("   " + error)
        elif error:
            traceback.print_exception(*error)
        sys.stdout.flush()
        if test.id() in self.worst:
            self.worst[test.id()] = status
        else:  # a fixture of a class or module
            self.file.write("%s %s\n" % (status, test.id()))

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "error", err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "fail", err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.note(test, "fail", err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skip", reason)


def without(suite, done):
    """The same suite less the tests done: its classes stay together, for their fixtures."""
    kept = unittest.TestSuite()
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            kept.addTest(without(item, done))
        elif item.id() not in done and "VSOCK" not in item.id():
            kept.addTest(item)
    return kept


def main():
    # As regrtest without -u: nothing beyond this machine. test_socketserver calls loopback a network.
    support.use_resources = ["network"] if sys.argv[1] == "test_socketserver" else []
    support.verbose = False
    suite = unittest.defaultTestLoader.loadTestsFromName("test." + sys.argv[1])
    done = set()
    if len(sys.argv) > 3:
        with open(sys.argv[3], encoding="utf-8") as handle:
            done = set(handle.read().split("\n"))
    without(suite, done).run(Recorder(sys.argv[2]))


main()
