#!/usr/bin/python3
"""The original packetdrill with libweir-packetdrill.so in the kernel's place, on some scripts of our own. Skipped where it is
not installed."""
import os
import shutil
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
OBJECT = os.environ.get("WEIR_PACKETDRILL", os.path.join(TOP, "build", "drill", "libweir-packetdrill.so"))
PACKETDRILL = os.environ.get("PACKETDRILL") or shutil.which("packetdrill")
# Of each kind: waiting calls, assertions by getsockopt, timers of hours, an end by the program.
SCRIPTS = ["handshake/active-open", "handshake/blocking-connect", "handshake/blocking-accept", "handshake/simultaneous-open",
           "close/local-first", "close/time-wait-lasts-60-s", "window/zero-window-probe", "retransmit/rto",
           "retransmit/cwnd-after-rto", "recovery/sack-fast-retransmit", "recovery/state-told", "sack/newest-first",
           "timestamps/echo", "reset/exact", "socket/blocking-read", "icmp/frag-needed"]
OPTIONS = ["--ip_version=ipv4", "--local_ip=192.168.0.1", "--gateway_ip=192.168.0.1", "--netmask_ip=255.255.0.0",
           "--remote_ip=192.0.2.1", "--so_flags=local=192.168.0.1/16,remote=192.0.2.0/24"]


def run(script):
    """Returns what is wrong, or nothing."""
    path = os.path.join(TOP, "test", "script", script + ".pkt")
    done = subprocess.run([PACKETDRILL, *OPTIONS, "--so_filename=" + OBJECT, path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else "%s: status %d\n%s" % (script, done.returncode, done.stdout)


def main():
    if not PACKETDRILL:
        print("packetdrill is not installed (PACKETDRILL names one elsewhere)")
        return 77
    if os.geteuid() != 0:
        print("packetdrill locks its memory and sets its scheduling: root only")
        return 77
    wrong = [text for text in map(run, SCRIPTS) if text]
    print("\n".join(wrong) or "%d scripts passed under %s" % (len(SCRIPTS), PACKETDRILL))
    return 1 if wrong else 0


if __name__ == "__main__":
    # Sysctls of scripts are set in a namespace of the test's own, which starts with this host's choice of congestion control.
    if os.geteuid() == 0 and PACKETDRILL and "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "-n", "sh", "-c", 'sysctl -q net.ipv4.tcp_congestion_control=cubic; exec "$@"', "sh",
                              sys.executable, os.path.abspath(__file__), "--inside"])
    sys.exit(main())
