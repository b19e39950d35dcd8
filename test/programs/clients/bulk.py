"""bulk.py serve ADDRESS PORT BYTES            serves one peer: sends BYTES, then takes as many, checking them
bulk.py call ADDRESS PORT BYTES DIRECTION   DIRECTION down, up or both; prints `down MB/s`, `up MB/s`

Both ends know the bytes: any lost, doubled or moved byte is found where it happens."""
import hashlib
import random
import socket
import sys
import time

CHUNK = 1 << 20


def chunks(total):
    """The stream, a piece at a time: one random block, with the position in front of each."""
    block = random.Random(7).randbytes(CHUNK)
    for start in range(0, total, CHUNK):
        yield (start.to_bytes(8, "big") + block[8:])[:total - start]


def send_all(connection, total):
    digest = hashlib.sha256()
    for piece in chunks(total):
        connection.sendall(piece)
        digest.update(piece)
    connection.sendall(digest.digest())


def receive_exactly(connection, view):
    got = 0
    while got < len(view):
        count = connection.recv_into(view[got:])
        if count == 0:
            raise EOFError
        got += count


def receive_all(connection, total):
    digest = hashlib.sha256()
    space = memoryview(bytearray(CHUNK))
    position = 0
    for want in chunks(total):
        piece = space[:len(want)]
        try:
            receive_exactly(connection, piece)
        except EOFError:
            sys.exit("the stream ends within the piece at byte %d of %d" % (position, total))
        if piece != want:
            wrong = next(at for at, (a, b) in enumerate(zip(piece, want)) if a != b)
            sys.exit("byte %d differs" % (position + wrong))
        digest.update(piece)
        position += len(want)
    end = memoryview(bytearray(32))
    receive_exactly(connection, end)
    if end != digest.digest():
        sys.exit("SHA-256 differs")


def serve(address, port, total):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(1)
        print("listening", flush=True)
        connection = listener.accept()[0]
    with connection:
        directions = connection.recv(1)
        if directions in b"db":
            send_all(connection, total)
        if directions in b"ub":
            receive_all(connection, total)
            connection.sendall(b"!")


def call(address, port, total, directions):
    with socket.create_connection((address, port), timeout=300) as connection:
        connection.sendall(directions[:1].encode())
        start = time.monotonic()
        if directions in ("down", "both"):
            receive_all(connection, total)
            print("down %.1f MB/s" % (total / 1e6 / (time.monotonic() - start)))
        start = time.monotonic()
        if directions in ("up", "both"):
            send_all(connection, total)
            if connection.recv(1) != b"!":
                sys.exit("no word that the bytes arrived")
            print("up %.1f MB/s" % (total / 1e6 / (time.monotonic() - start)))


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    call(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
