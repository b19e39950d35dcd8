"""The list of cases: every function in cases/ under @case, once for each setting it names."""
import importlib
import os
import pkgutil

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
HERE = os.path.join(TOP, "test", "programs")
LOOPBACK = ("lo4", "lo6")
TAP = ("serve4", "serve6", "call4", "call6")
# One family for each role: both families have been through loopback already.
EVERYWHERE = LOOPBACK + ("serve4", "call6")

_cases = []


class Case:
    def __init__(self, name, setting, body, timeout_s, places, needs, link):
        self.name, self.setting, self.body = name, setting, body
        self.timeout_s, self.places, self.needs, self.link = timeout_s, places, needs, link


def case(name, settings=EVERYWHERE, timeout_s=60, places=1, needs=(), link=None):
    """places: 2 for a test that keeps both processors busy. needs: programs it starts, beyond a plain system.
    link: weir's impairment for the TAP device."""
    def register(body):
        for setting in settings:
            _cases.append(Case("%s/%s" % (name, setting), setting, body, timeout_s, places, needs, link))
        return body
    return register


def load():
    import cases
    for module in sorted(entry.name for entry in pkgutil.iter_modules(cases.__path__)):
        importlib.import_module("cases." + module)
    return _cases
