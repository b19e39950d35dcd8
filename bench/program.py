#!/usr/bin/python3
"""program.py NAME seconds=SECONDS -- PREFIX...: an unmodified server and its load on one stack; one JSON line of figures.

PREFIX is what puts a program onto the stack: `weir run -m NAME --`, `nsenter --net=NAMESPACE`, or nothing.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

PORT = 20000 + os.getpid() % 10000 # another one each time: not every server can bind over TIME-WAIT
AWAIT = ("import socket,sys,time\nend=time.time()+10\nwhile socket.socket().connect_ex(('127.0.0.1',%d)) and time.time()<end: "
         "time.sleep(0.02)\nsys.exit(time.time()>=end)" % PORT)
NGINX = """worker_processes 1; error_log stderr crit; pid %(folder)s/pid; daemon off; master_process off;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path %(folder)s; proxy_temp_path %(folder)s; fastcgi_temp_path %(folder)s;
 uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s; keepalive_requests 100000000;
 server { listen 127.0.0.1:%(port)d backlog=1024; location / { return 200 "%(body)s"; } } }
"""


class Stack:
    """Programs on one stack; leaving ends the servers."""

    def __init__(self, prefix, folder):
        self.prefix, self.folder, self.servers = prefix, folder, []

    def serve(self, *command):
        log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.servers.append(subprocess.Popen(self.prefix + [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log, start_new_session=True))
        if subprocess.run(self.prefix + [sys.executable, "-c", AWAIT], check=False).returncode:
            raise SystemExit("%s does not answer: %s" % (command[0], open(log.name, encoding="utf-8").read()[-300:]))

    def load(self, *command):
        done = subprocess.run(self.prefix + [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=120)
        if done.returncode:
            raise SystemExit("%s: %s" % (command[0], (done.stderr + done.stdout)[-300:]))
        return done.stdout

    def end(self):
        for server in self.servers:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(server.pid, number)
                    server.wait(3)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    pass


def found(pattern, text):
    match = re.search(pattern, text)
    if not match:
        raise SystemExit("no %s in: %s" % (pattern, text[-300:]))
    return float(match.group(1))


def milliseconds(text):
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def nginx(stack, seconds, *headers):
    path = os.path.join(stack.folder, "nginx.conf")
    with open(path, "w", encoding="utf-8") as out:
        out.write(NGINX % {"folder": stack.folder, "port": PORT, "body": "x" * 612})
    stack.serve("nginx", "-p", stack.folder, "-c", path)
    text = stack.load("wrk", "-t1", "-c64", "-d%ds" % max(1, round(seconds)), "--latency", *headers, "http://127.0.0.1:%d/" % PORT)
    return {"requests_per_s": found(r"Requests/sec:\s+([\d.]+)", text), "p99_ms": milliseconds(text)}


def redis(stack, seconds, pipeline, requests):
    stack.serve("redis-server", "--port", PORT, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", stack.folder)
    text = stack.load("redis-benchmark", "-p", PORT, "-c", 50, "-P", pipeline, "-n", max(1000, round(requests * seconds)), "-t", "set,get",
                      "--csv")
    rates = dict(re.findall(r'"(SET|GET)","([\d.]+)"', text))
    return {"set_per_s": float(rates["SET"]), "get_per_s": float(rates["GET"])}


def iperf(stack, seconds):
    stack.serve("iperf3", "-s", "-B", "127.0.0.1", "-p", PORT)
    result = json.loads(stack.load("iperf3", "-c", "127.0.0.1", "-p", PORT, "-t", max(1, round(seconds)), "-J"))
    return {"gbit_per_s": result["end"]["sum_received"]["bits_per_second"] * 1e-9}


def sockperf(stack, seconds):
    stack.serve("sockperf", "server", "--tcp", "-i", "127.0.0.1", "-p", PORT)
    text = stack.load("sockperf", "ping-pong", "--tcp", "-i", "127.0.0.1", "-p", PORT, "-t", max(1, round(seconds)), "--msg-size=64",
                      "--full-rtt")
    return {"p50_us": found(r"percentile 50\.000 =\s+([\d.]+)", text), "p99_us": found(r"percentile 99\.000 =\s+([\d.]+)", text)}


PROGRAMS = {
    "nginx": nginx,
    "nginx-close": lambda stack, seconds: nginx(stack, seconds, "-H", "Connection: close"),
    "redis": lambda stack, seconds: redis(stack, seconds, 1, 30000),
    "redis-pipelined": lambda stack, seconds: redis(stack, seconds, 16, 300000),
    "iperf3": iperf,
    "sockperf": sockperf,
}


def main():
    name, seconds = sys.argv[1], float(sys.argv[2].split("=")[1])
    prefix = sys.argv[sys.argv.index("--") + 1:]
    with tempfile.TemporaryDirectory(prefix="weirbench-") as folder:
        os.chmod(folder, 0o755)
        stack = Stack(prefix, folder)
        start = time.monotonic()
        try:
            figures = PROGRAMS[name](stack, seconds)
        finally:
            stack.end()
    print(json.dumps({"wall_s": time.monotonic() - start, **figures}))


if __name__ == "__main__":
    main()
