"""A little nginx: master, two workers, sendfile; serves /small (64 bytes) and /large (256 KiB)."""
import os

from harness.world import which

CONFIG = """
daemon {daemon}; master_process on; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log notice; {user}
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_timeout 65; keepalive_requests 1000000;
    default_type application/octet-stream; root {folder}/www;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{ listen {host}:{port}; {more} }}
}}
"""


def start_nginx(world, port=8080, more="", daemon=False):
    """A daemon is nobody's child, and only such a master agrees to change its binary."""
    os.makedirs(world.path("www"), exist_ok=True)
    world.write("www/small", "s" * 63 + "\n")
    world.random_file("www/large", 256 << 10)
    world.write("nginx.conf", CONFIG.format(
        folder=world.folder, host=world.host, port=port, more=more, daemon="on" if daemon else "off",
        user="user root;" if os.geteuid() == 0 else ""))
    command = (which("nginx"), "-p", world.folder, "-c", world.path("nginx.conf"))
    if daemon:
        world.server.run(*command)
        world.wait_connect(port)
    else:
        world.wait_connect(port, world.server.start(*command))


def nginx_pid(world):
    try:
        with open(world.path("nginx.pid"), encoding="ascii") as handle:
            return int(handle.read())
    except (OSError, ValueError):
        return 0


def error_log(world):
    with open(world.path("error.log"), encoding="utf-8", errors="replace") as handle:
        return handle.read()
