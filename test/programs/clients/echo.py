"""echo.py ADDRESS PORT BYTES: sends BYTES while it reads, ends its side, reads to the end; prints ok when all came back.

Sending and reading at once matters: two ends that both only write, each to a full buffer, wait for each other for ever."""
import random
import socket
import sys
import threading

address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data = random.Random(size).randbytes(size)
back = bytearray()


def send(stream):
    stream.sendall(data)
    stream.shutdown(socket.SHUT_WR)


with socket.create_connection((address, port), timeout=20) as connection:
    sender = threading.Thread(target=send, args=(connection,), daemon=True)
    sender.start()
    while piece := connection.recv(1 << 16):
        back += piece
    sender.join()
if back != data:
    same = next((at for at, (a, b) in enumerate(zip(back, data)) if a != b), min(len(back), len(data)))
    sys.exit("%d of %d bytes came back, wrong from byte %d" % (len(back), len(data), same))
print("ok")
