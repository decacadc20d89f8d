"""Conversations over a bare socket, for what no HTTP client would send."""
import re
import socket
import time

PATIENCE = 15  # seconds that an answer, or the close, may take
SILENCE = 0.4  # seconds without a word after which it has nothing to add


def talk(gateway, *pieces, answers=1, pause=0.02):
    """Sends the pieces; gives (what came back, whether the gateway closed the connection).

    Ends when the gateway closes, or is silent after so many answers.
    """
    received, is_closed = b"", False
    with gateway.connect() as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
        except OSError:
            pass  # it has closed already; what it said can still be read
        try:
            while not is_closed:
                is_complete = len(re.findall(rb"HTTP/1\.1 [0-9]{3} ", received)) >= answers
                connection.settimeout(SILENCE if is_complete else PATIENCE)
                piece = connection.recv(65536)
                received += piece
                is_closed = not piece
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
