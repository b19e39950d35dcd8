"""redis-server with redis-cli and redis-benchmark."""
from harness.registry import EVERYWHERE, case

TESTS = ("PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP",
         "ZADD", "ZPOPMIN", "LRANGE_100", "LRANGE_300", "LRANGE_500", "LRANGE_600", "MSET")


def start_redis(world):
    server = world.server.start("redis-server", "--port", 6379, "--bind", world.addr, "--save", "", "--appendonly", "no",
                                "--dir", world.folder, "--protected-mode", "no")
    world.wait_connect(6379, server)


@case("redis/cli", EVERYWHERE, needs=["redis-server", "redis-cli"])
def cli(world):
    start_redis(world)
    base = ("redis-cli", "-h", world.addr)
    assert world.client.text(*base, "ping") == "PONG\n"
    value = "v" * 300_000
    assert world.client.text(*base, "-x", "set", "key", input=value.encode()) == "OK\n"
    assert world.client.text(*base, "get", "key").strip() == value
    assert world.client.text(*base, "incr", "count") == "1\n"
    pipe = "".join("SET k%d %d\r\n" % (n, n) for n in range(5000)).encode()
    assert "errors: 0, replies: 5000" in world.client.text(*base, "--pipe", input=pipe)


def benchmark(world, pipeline, requests):
    start_redis(world)
    report = world.client.text("redis-benchmark", "-h", world.addr, "-n", requests, "-P", pipeline, "--csv", timeout_s=100)
    print(report)
    names = [line.split('"')[1].split(" ")[0] for line in report.splitlines()[1:] if line.startswith('"')]
    missing = [name for name in TESTS if name not in names]
    assert not missing, "no result for %s\n%s" % (missing, report)


@case("redis/benchmark-P1", EVERYWHERE, timeout_s=110, needs=["redis-server", "redis-benchmark"])
def one_by_one(world):
    benchmark(world, 1, 5000)


@case("redis/benchmark-P16", EVERYWHERE, timeout_s=110, needs=["redis-server", "redis-benchmark"])
def pipelined(world):
    benchmark(world, 16, 20000)
