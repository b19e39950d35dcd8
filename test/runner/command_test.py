#!/usr/bin/python3
"""The weir command: exit status and signals pass through; machines come and go; errors are one sentence."""
import os
import pty
import signal
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from harness import TOP, WEIR, main, python, run, weir

PROXIES = ({}, {"WEIR_SUPERVISE": "1"})


def with_environment(extra):
    return {**os.environ, **extra}


def test_exit_status_passes_through():
    for extra in PROXIES:
        for status in (0, 1, 77, 255):
            assert run("sh", "-c", "exit %d" % status, env=with_environment(extra)).returncode == status


def test_death_by_signal_passes_through():
    for extra in PROXIES:
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGABRT):
            result = run("sh", "-c", "kill -%d $$" % number, env=with_environment(extra))
            assert result.returncode == -number, (extra, number, result)


def test_a_signal_to_weir_run_reaches_the_command():
    for extra in PROXIES:
        waits = "import signal, sys; signal.pthread_sigmask(0, [15]); print('on', flush=True); signal.sigwait([15]); sys.exit(9)"
        process = subprocess.Popen([WEIR, "run", "--", *python(waits)], stdout=subprocess.PIPE, env=with_environment(extra))
        assert process.stdout.readline() == b"on\n"
        process.terminate()
        assert process.wait(5) == 9


def test_not_found_and_not_executable():
    for extra in PROXIES:
        result = run("/no/such/program", env=with_environment(extra))
        assert result.returncode == 127 and result.stderr == "weir: /no/such/program: No such file or directory\n"
        result = run("/etc/passwd", env=with_environment(extra))
        assert result.returncode == 126 and result.stderr == "weir: /etc/passwd: Permission denied\n"


def test_weirs_own_failures_are_125():
    assert weir("run").returncode == 125
    assert weir("run", "--no-such-option").returncode == 125
    assert weir("run", "-m", "../evil", "true").returncode == 125
    assert weir("run", "true", env=with_environment({"XDG_RUNTIME_DIR": "", "HOME": "/"})).returncode in (0, 125)


def test_weir_in_weir_says_why():
    for extra in PROXIES:
        result = run(WEIR, "run", "true", env=with_environment(extra))
        assert result.returncode == 125
        assert "weir inside weir" in result.stderr and len(result.stderr.splitlines()) == 1, result


# As a container's runtime denies system calls: each with an error of its own.
DENY = """
import ctypes, os, struct, sys
calls = [tuple(int(n) for n in a.split('=')) for a in sys.argv[1].split(',')]
code = [struct.pack('=HBBI', 0x20, 0, 0, 0)]
for number, error in calls:
    code += [struct.pack('=HBBI', 0x15, 0, 1, number), struct.pack('=HBBI', 6, 0, 0, 0x50000 | error)]
code += [struct.pack('=HBBI', 6, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(b''.join(code))
program = struct.pack('=HxxxxxxQ', len(code), ctypes.addressof(text))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, program) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""
USES_A_SOCKET = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[0])"


def run_denied(calls, *command):
    weir("down")  # the machine is to be denied it too
    return subprocess.run([*python(DENY), calls, WEIR, "run", *command], capture_output=True, text=True, timeout=20)


def test_a_host_that_denies_system_calls():
    if os.uname().machine != "x86_64":
        return
    seccomp, pidfd_open, pidfd_getfd, readv, writev = 317, 434, 438, 310, 311
    for error in (1, 38):
        result = run_denied("%d=%d,%d=%d" % (readv, error, writev, error), *python(USES_A_SOCKET))
        assert result.stdout == "127.0.0.1\n", result  # the supervisor reads for the machine
        for number in (seccomp, pidfd_open, pidfd_getfd):
            result = run_denied("%d=%d" % (number, error), "true")
            assert result.returncode == 125 and len(result.stderr.splitlines()) == 1, result
            assert result.stderr.startswith("weir: "), result


def test_a_machine_that_may_look_into_no_other_process():
    """As with Yama's ptrace_scope 1, where only ancestors may: the choice is made by itself."""
    if os.uname().machine != "x86_64":
        return
    weir("down")
    for user in ([], ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]):
        if user and os.geteuid() != 0:
            continue
        runtime = tempfile.mkdtemp(prefix="weir-test-")
        os.chmod(runtime, 0o755)
        environment = with_environment({"XDG_RUNTIME_DIR": runtime})
        if user:
            os.chown(runtime, 65534, 65534)
        denied = "438=1,310=1,311=1"
        subprocess.run([*user, *python(DENY), denied, WEIR, "up"], env=environment, timeout=20, check=True)
        result = subprocess.run([*user, WEIR, "run", *python(USES_A_SOCKET + """
import os, subprocess, sys
server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid() # a daemon, whose parent ends
        client = socket.create_connection(server.getsockname()); client.send(open('/proc/net/dev').read().encode()[:5])
    os._exit(0)
print(server.accept()[0].recv(5))
""")], capture_output=True, text=True, env=environment, timeout=20)
        subprocess.run([*user, WEIR, "down"], env=environment, timeout=20)
        shutil.rmtree(runtime)
        assert result.stdout == "127.0.0.1\nb'Inter'\n", result


def test_little_room():
    # Of address space at least what the loader needs for the libraries: before that nothing of weir runs.
    for resource, limits in (("nofile", (4, 5, 6, 7, 8, 9, 10, 12)), ("as", (10000000, 50000000))):
        for limit in limits:
            weir("down")
            result = subprocess.run(["prlimit", "--%s=%d" % (resource, limit), WEIR, "run", "true"], capture_output=True, text=True,
                                    timeout=20)
            assert result.returncode in (0, 125), (limit, result)
            assert result.returncode == 0 or len(result.stderr.splitlines()) == 1, (limit, result)


def test_wrong_use_is_2():
    for arguments in ((), ("nonsense",), ("up", "--tap"), ("up", "--tap", "t,10.0.0.1"), ("up", "--link", "delay"),
                      ("down", "name"), ("cat",), ("cat", ""), ("-x",), ("up", "-m"), ("up", "-m", ""), ("up", "more"), ("up", "--tap="),
                      ("up", "--tap=,10.0.0.1/24"), ("up", "--tap=t,10.0.0.1/33"), ("up", "--tap=" + 20 * "t"),
                      ("up", "--link=loss=200%"), ("up", "--link=delay=-1ms"), ("up", "--pcap="), ("up", "--seed=0"),
                      ("up", "--seed=-1"), ("up", "--seed= 5"), ("up", "--seed=99999999999999999999"), ("up", "--seed=one"),
                      ("down", "-m"), ("down", "-m", "a/b"), ("ls", "more"), ("ls", "-m"), ("ls", "--more"),
                      ("cat", "-z", "/proc/net/tcp"), ("listeners", "more"), ("drops", "more"), ("drops", "-m", ".")):
        result = weir(*arguments)
        assert result.returncode == 2, (arguments, result)
        lines = result.stderr.splitlines()
        assert not arguments or (len(lines) == 2 and lines[0].startswith("weir: ") and lines[1].startswith("Try 'weir ")), result


def test_failures_are_one_sentence():
    for arguments, status in ((("run", "-m", "", "true"), 125), (("run", ""), 127), (("run", "/"), 126), (("down", "-m", "no"), 1),
                              (("cat", "-m", "no", "/proc/net/tcp"), 1), (("listeners", "-m", "no"), 1), (("drops", "-m", "no"), 1),
                              (("up", "--pcap=/no/such/directory/file"), 1), (("up", "--pcap=/"), 1)):
        result = weir(*arguments)
        assert result.returncode == status and result.stderr.startswith("weir: ") and result.stdout == "", (arguments, result)
        assert len(result.stderr.splitlines()) == (2 if status == 125 else 1), result


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        result = subprocess.run([WEIR, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "weir: cannot write: No space left on device\n")


def test_help_and_version():
    assert "usage" in weir("--help").stdout
    for name in ("run", "up", "down", "ls", "cat", "listeners", "drops"):
        result = weir(name, "--help")
        assert result.returncode == 0 and result.stdout.startswith("usage: weir " + name)
    assert weir("--version").stdout.startswith("weir ")


def test_up_ls_down():
    assert weir("ls").stdout == ""
    assert weir("down").returncode == 1
    assert weir("up", "-m", "one").returncode == 0
    assert weir("up", "-m", "two").returncode == 0
    assert weir("up", "-m", "one").returncode == 0
    lines = weir("ls").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["one", "two"]
    assert all("stays" in line for line in lines)
    assert weir("down", "-m", "one").returncode == 0
    assert [line.split()[0] for line in weir("ls").stdout.splitlines()] == ["two"]
    assert weir("down", "-m", "two").returncode == 0
    assert weir("ls").stdout == ""


def test_a_machine_of_another_build_is_listed():
    assert weir("up", "-m", "mine").returncode == 0
    directory = os.path.join(os.environ["XDG_RUNTIME_DIR"], "weir")
    path = os.path.join(directory, "other.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind(path)
        other.listen()

        def hang_up():
            for _ in range(2):
                client, _ = other.accept()
                client.recv(1000)
                client.close()
        threading.Thread(target=hang_up, daemon=True).start()
        lines = weir("ls").stdout.splitlines()
    os.unlink(path)
    weir("down", "-m", "mine")
    assert lines[0].startswith("mine ") and lines[1].split(None, 1) == ["other", "of another build of weir"], lines


def until_no_machine_runs():
    while weir("ls").stdout:
        time.sleep(0.01)


def test_a_machine_ends_with_its_last_program():
    assert run("true").returncode == 0
    until_no_machine_runs()


def test_a_daemon_keeps_its_machine():
    for extra in PROXIES:
        fifo = os.path.join(os.environ["XDG_RUNTIME_DIR"], "end")
        os.mkfifo(fifo)
        run("sh", "-c", "setsid cat %s >/dev/null 2>&1 </dev/null &" % fifo, env=with_environment(extra))
        assert "1 run" in weir("ls").stdout
        open(fifo, "w").close()
        os.unlink(fifo)
        until_no_machine_runs()


def test_many_start_at_once():
    command = [WEIR, "run", "-m", "rush", "--", "sh", "-c", "echo on; read until_closed; true"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(10)]
    assert [p.stdout.readline() for p in processes] == [b"on\n"] * 10
    assert len(weir("ls").stdout.splitlines()) == 1
    for p in processes:
        p.communicate()
    assert [p.returncode for p in processes] == [0] * 10


def test_one_after_the_other():
    for _ in range(10):
        assert run("true").returncode == 0


def test_standard_streams_are_the_commands():
    result = weir("run", "--", "tr", "a-z", "A-Z", input="hello\n")
    assert (result.stdout, result.stderr, result.returncode) == ("HELLO\n", "", 0)


def test_no_fds_leak_into_the_command():
    for extra in PROXIES:
        result = run("ls", "/proc/self/fd", env=with_environment(extra))
        assert result.stdout.split() == ["0", "1", "2", "3"], result.stdout


def test_terminal_belongs_to_the_command():
    for extra in PROXIES:
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(extra)
            os.execv(WEIR, [WEIR, "run", "--", "sh", "-c", "test -t 0 && echo ready; exec cat"])
        data = b""
        while b"ready" not in data:
            data += os.read(terminal, 100)
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, (extra, status)
        os.close(terminal)


def test_pcap_has_each_packet_of_loopback_once():
    path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "lo.pcap")
    assert weir("up", "-m", "seen", "--pcap", path).returncode == 0
    send = python("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'mark', ('127.0.0.1', 9))")
    assert weir("run", "-m", "seen", "--", *send).returncode == 0
    assert weir("down", "-m", "seen").returncode == 0
    with open(path, "rb") as file:
        data = file.read()
    assert data.count(b"mark") == 2, data  # the datagram, and as quoted by the ICMP error


def completions(*words):
    completion = os.path.join(TOP, "cli", "completion.bash")
    script = ('. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weir; printf "%s\n" "${COMPREPLY[@]}"')
    result = subprocess.run(["bash", "--norc", "-c", script, completion, WEIR, *words], capture_output=True, text=True)
    assert result.stderr == "", result.stderr
    return result.stdout.split()


def test_bash_completion_without_the_package():
    assert "listeners" in completions("")
    assert completions("ru") == ["run"]
    assert "--pcap" in completions("up", "--")
    assert completions("up", "--link", "lo") == ["loss="]
    assert completions("up", "--link", "delay", "=", "1ms,lo") == ["1ms,loss="]
    assert completions("up", "--pcap", "=", "/etc/passw") and completions("up", "--pcap", "/etc/passw")
    assert completions("run", "-m", "none", "--", "uniq") and "uniq" in completions("run", "uniq")
    assert weir("up", "-m", "complete").returncode == 0
    assert completions("down", "-m", "com") == completions("down", "--machine", "=", "com") == ["complete"]
    weir("down", "-m", "complete")


def test_as_an_ordinary_user():
    if os.geteuid() != 0:
        return
    runtime = tempfile.mkdtemp(prefix="weir-user-")
    os.chown(runtime, 65534, 65534)
    result = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", WEIR, "run", "--",
                             "grep", "-E", "^(Uid|NoNewPrivs)", "/proc/self/status"], capture_output=True, text=True,
                            env=with_environment({"XDG_RUNTIME_DIR": runtime}), timeout=10)
    shutil.rmtree(runtime, ignore_errors=True)
    assert result.returncode == 0, result
    assert "65534" in result.stdout and "NoNewPrivs:\t1" in result.stdout


main(globals(), outside=True)
