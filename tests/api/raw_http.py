"""Conversations over a bare socket, for what no HTTP client would send."""
import re
import socket
import time


def talk(gateway, *pieces, pause=0.02, silence=1.0):
    """Sends the pieces; gives (what came back, whether the gateway closed the connection).

    Ends when the gateway closes or says nothing for `silence` seconds.
    """
    received, is_closed = b"", False
    with gateway.connect() as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
        except OSError:
            pass  # it has closed already; what it said can still be read
        connection.settimeout(silence)
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    is_closed = True
                    break
                received += piece
        except socket.timeout:
            pass
        except OSError:
            is_closed = True
    return received, is_closed


def statuses(received):
    """The status of each answer, told by the status lines that follow a whole answer before them."""
    found, rest = [], received
    while rest:
        head, _, after = rest.partition(b"\r\n\r\n")
        line = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", head)
        assert line, f"this is no answer: {rest[:200]!r}"
        found.append(int(line.group(1)))
        length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
        rest = after[int(length.group(1)) if length else 0:]
    return found
