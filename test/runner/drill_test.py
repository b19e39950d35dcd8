#!/usr/bin/python3
"""weir drill: what it prints, its exit status, JSON, what it skips, and that a seed repeats a run."""
import json
import os
import shutil
import tempfile

from harness import main, weir

OPEN = """    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
   +0 bind(3, ..., ...) = 0
   +0 listen(3, 1) = 0
   +0 < S 0:0(0) win 1000 <mss 1000>
"""
RIGHT = OPEN + "   +0 > S. 0:0(0) ack 1 <...>\n"
WRONG = OPEN + "   +0 > S. 0:0(0) ack 2 <...>\n"
BROKEN = OPEN + "   +0 > S. 0:0(0) ack -5\n"


class Scripts:
    """A directory of scripts; its name ends each of its lines' paths."""

    def __init__(self, **files):
        self.files = files

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="weir-drill-")
        for name, text in self.files.items():
            path = os.path.join(self.path, name.replace("__", "/").replace("_v", "-v") + ".pkt")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as handle:
                handle.write(text)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def drill(self, *arguments):
        result = weir("drill", *arguments, self.path)
        return result.returncode, result.stdout.replace(self.path + "/", ""), result.stderr.replace(self.path + "/", "")


def test_all_versions_of_all_scripts_below_in_order():
    with Scripts(b=RIGHT, a__c=RIGHT) as scripts:
        status, out, err = scripts.drill()
        assert status == 0 and not err, (status, err)
        assert out == "".join("passed  %s.pkt (%s)\n" % (name, ip) for name in ("a/c", "b")
                              for ip in ("ipv4", "ipv4-mapped-ipv6", "ipv6")) + "6 passed, 0 failed, 0 skipped\n", out


def test_a_failure_shows_the_line_and_both_packets():
    with Scripts(a=WRONG) as scripts:
        status, out, _ = scripts.drill("--ip", "ipv4")
        lines = [line.strip() for line in out.splitlines()]
        assert status == 1 and lines[0] == "failed  a.pkt (ipv4)", out
        assert lines[1].startswith("a.pkt:5: ") and "ack" in lines[1], out
        assert lines[2] == "script:   +0 > S. 0:0(0) ack 2 <...>", out
        assert lines[3].startswith("expected:") and "S. 0:0(0) ack 2" in lines[3], out
        assert lines[4].startswith("actual:") and "S. 0:0(0) ack 1 win 64240" in lines[4], out
        assert lines[-1] == "0 passed, 1 failed, 0 skipped", out


def test_a_script_that_cannot_be_read_is_told_once_and_the_others_run():
    with Scripts(a=BROKEN, b=RIGHT) as scripts:
        status, out, err = scripts.drill("-q")
        assert status == 2 and out == "3 passed, 0 failed, 0 skipped\n", (status, out)
        assert err == "a.pkt:5:23: expected an ack number from 0 to 4294967295, found -5\n", err


def test_what_is_missing_is_skipped_and_why():
    with Scripts(a="`iptables -L`\n" + RIGHT, b="0 socket(..., SOCK_STREAM, NO_SUCH_NAME) = 3\n") as scripts:
        status, out, _ = scripts.drill("--ip", "ipv6")
        assert status in (0, 1), status
        assert "skipped a.pkt (ipv6): it runs 'iptables', which weir drill does not know\n" in out, out
        assert "passed  " not in out, out


def test_names_and_options_choose_versions():
    with Scripts(a_v4=RIGHT, b_v6=RIGHT, c="--ip_version=ipv6\n" + RIGHT) as scripts:
        _, out, _ = scripts.drill()
        assert out == ("passed  a-v4.pkt (ipv4)\npassed  a-v4.pkt (ipv4-mapped-ipv6)\npassed  b-v6.pkt (ipv6)\n"
                       "passed  c.pkt (ipv6)\n4 passed, 0 failed, 0 skipped\n"), out
        _, out, _ = scripts.drill("--ip=ipv4")
        assert out.endswith("3 passed, 0 failed, 0 skipped\n"), out


def test_json_says_the_same():
    with Scripts(a=WRONG, b=RIGHT) as scripts:
        status, out, _ = scripts.drill("--json", "-j", "4")
        told = json.loads(out)
        assert status == 1 and (told["passed"], told["failed"], told["skipped"], told["unreadable"]) == (3, 3, 0, 0), told
        assert [run["script"] for run in told["runs"]] == ["a.pkt"] * 3 + ["b.pkt"] * 3
        assert told["runs"][0]["line"] == 5 and "ack 1" in told["runs"][0]["actual"], told


def test_definitions_and_packetdrills_own_options():
    with Scripts(a=RIGHT.replace("ack 1", "ack ACK")) as scripts:
        assert scripts.drill("-D", "ACK=1", "--mtu=1400")[0] == 0
        assert scripts.drill("-D", "ACK=2")[0] == 1
        assert scripts.drill()[0] == 2
        assert scripts.drill("--mtu=x")[0] == 2


def test_a_seed_repeats_its_run():
    with Scripts(a=RIGHT) as scripts:
        told = [scripts.drill("--ip=ipv4", "-v", "--seed=%d" % seed)[2] for seed in (7, 7, 8)]
        assert told[0] and told[0] == told[1] != told[2], told
        assert "3 passed" in scripts.drill("--ip=ipv4", "--seeds=5-7")[1]


def test_wrong_usage():
    for arguments in ((), ("--nonsense", "x.pkt"), ("--ip", "ipv5", "x.pkt"), ("--seed", "x", "x.pkt"), ("-j", "0", "x.pkt"), ("/no/such.pkt",)):
        result = weir("drill", *arguments)
        assert result.returncode == 2 and result.stderr.startswith("weir: "), (arguments, result)


if __name__ == "__main__":
    main(globals(), outside=True)
