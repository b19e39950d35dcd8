"""slow_accept.py ADDRESS PORT BACKLOG SECONDS: listens, and accepts one connection every SECONDS."""
import socket
import sys
import time

address, port, backlog, pause_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
listener = socket.socket(family, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((address, port))
listener.listen(backlog)
print("listening", flush=True)
kept = []
while True:
    time.sleep(pause_s)
    kept.append(listener.accept()[0])
