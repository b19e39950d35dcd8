"""reach.py ADDRESS [PORT [SECONDS]]: until PORT takes a connection, or without a port until ADDRESS answers at all."""
import errno
import socket
import sys
import time

address = sys.argv[1]
port = int(sys.argv[2]) if len(sys.argv) > 2 else 9
give_up = time.monotonic() + (float(sys.argv[3]) if len(sys.argv) > 3 else 15)
family = socket.AF_INET6 if ":" in address else socket.AF_INET
while True:
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(1)
        try:
            one.connect((address, port))
            sys.exit(0)
        except OSError as error:
            if len(sys.argv) == 2 and error.errno == errno.ECONNREFUSED:
                sys.exit(0)
            if time.monotonic() > give_up:
                sys.exit("%s port %d: %s" % (address, port, error))
    time.sleep(0.05)
