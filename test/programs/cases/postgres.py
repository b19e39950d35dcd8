"""PostgreSQL with pgbench and psql."""
import glob
import os
import pwd

from harness.registry import EVERYWHERE, case
from harness.world import Skip


def start_postgres(world):
    """(folder of the programs, words that run one as a user PostgreSQL accepts)"""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        raise Skip("not installed: postgresql")
    programs, as_user = found[-1], []
    data = world.path("data")
    os.mkdir(data, 0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(data, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    # The data directory is made outside: nothing of it concerns the network.
    world.outside(*as_user, programs + "/initdb", "-D", data, "-A", "trust", "-U", "weir", "--no-sync", "-E", "UTF8",
                  "--no-locale")
    server = world.server.start(*as_user, programs + "/postgres", "-D", data, "-p", 5432, "-h", world.addr,
                                "-k", "", "-c", "fsync=off")
    with open(data + "/pg_hba.conf", "a", encoding="ascii") as handle:
        handle.write("host all all all trust\n")
    world.wait_text(server, "database system is ready")
    return programs


@case("postgres/pgbench", EVERYWHERE, timeout_s=90, needs=["pgbench", "psql"])
def pgbench(world):
    programs = start_postgres(world)
    words = ["-h", world.addr, "-p", 5432, "-U", "weir"]
    world.client.run(programs + "/pgbench", *words, "-i", "-q", "-s", 1, "postgres", retry_s=5)
    for mode in ("simple", "prepared"):
        said = world.client.text(programs + "/pgbench", *words, "-n", "-M", mode, "-c", 4, "-j", 2, "-t", 200, "postgres")
        assert "number of transactions actually processed: 800/800" in said, said
    query = "select sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts"
    assert world.client.text(programs + "/psql", *words, "-At", "-c", query, "postgres") == "t\n"
    big = world.client.text(programs + "/psql", *words, "-At", "-c", "select repeat('weir', 500000)", "postgres")
    assert big == "weir" * 500_000 + "\n", len(big)
