"""HTTP that could be read in two ways, and clients that are slow on purpose: conversations over bare sockets.

Whatever is sent, it has one answer or a close, never two; what follows something that a proxy before us could understand
differently is never served. All conversations of a table are led side by side with one comfygate.
"""
import concurrent.futures
import os
import re
import socket
import threading
import time

import pytest

from raw_http import statuses
from stage import eventually

SCALE = float(os.environ.get("CAMPAIGN_SCALE", "0.15"))
PATIENCE = 20
SIDE_BY_SIDE = 48

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
# What must not be served behind a request that is refused. Its answer names the ComfyUI.
SMUGGLED = b"GET /v1/backends HTTP/1.1\r\nHost: localhost\r\n\r\n"
# What must be.
NEXT = GET + b"Connection: close\r\n\r\n"
CONTROLS = [bytes([c]) for c in (*range(1, 9), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f)]


def lengths():
    for value in (b"-1", b"-0", b"+2", b"2,2", b"2, 2", b"2,3", b"2;2", b"0x2", b"2 2", b"2.0", b"1e1", b"\xb2", b"two", b"2\t2",
                  b"99999999999999999999999", b"18446744073709551616", b"2\x0b", b"'2'", b'"2"', b"2-", b"0b10",
                  b"--2", b"2\x00", b"2_0", b"NaN", b"inf", b"\x002", b"2a", b"a2", b"2/1", b"#2", b"\xef\xbc\x92"):
        yield f"Content-Length: {value!r}", POST + b"Content-Length: " + value + b"\r\n\r\n{}"
    for one, two in ((b"2", b"2"), (b"2", b"3"), (b"3", b"2"), (b"0", b"2"), (b"2", b"0"), (b"2", b""), (b"", b"2"), (b"2", b"-1")):
        yield f"Content-Length twice: {one!r} {two!r}", \
            POST + b"Content-Length: " + one + b"\r\nX: y\r\ncontent-length: " + two + b"\r\n\r\n{}"


def encodings():
    for value in (b"xchunked", b"chunkedx", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, identity",
                  b"chunked, chunked", b"chunked;q=1", b'"chunked"', b"", b",", b"chunked,", b",chunked", b"\x0bchunked",
                  b"\x0cchunked", b"chunked\x00", b"\x00chunked", b"chunked\x0b", b"chun\tked", b"cow", b"chunked cow", b"CHUNKED,",
                  b"deflate", b"compress, chunked", b"\xffchunked", b"chunked\xff"):
        yield f"Transfer-Encoding: {value!r}", POST + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n"
    for method in (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS"):
        head = method + b" /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
        for fields in (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                       b"transfer-encoding: Chunked\r\ncONTENT-lENGTH: 0\r\n"):
            yield f"{method.decode()} with {fields!r}", head + fields + b"\r\n0\r\n\r\n"
        yield f"{method.decode()}, chunked, HTTP/1.0", head.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    yield "two encodings", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    yield "the same twice", POST + b"Transfer-Encoding: chunked\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"


def hosts():
    line = b"GET /livez HTTP/1.1\r\n"
    yield "no Host", line + b"X: y\r\n\r\n"
    yield "no field at all", line + b"\r\n"
    for second in (b"localhost", b"evil.example", b"", b"127.0.0.1"):
        yield f"Host twice: {second!r}", GET + b"X: y\r\nhost: " + second + b"\r\n\r\n"
        yield f"Host twice, first {second!r}", line + b"HOST: " + second + b"\r\nHost: localhost\r\n\r\n"
    yield "the address of a proxy", b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n"
    yield "the address names another host", b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield "and another port", b"GET http://localhost:1/livez HTTP/1.1\r\nHost: localhost:2\r\n\r\n"


def fields():
    for c in b"(),/;<=>?@[\\]{}\"\x7f":
        yield f"{chr(c)!r} in a name", GET + b"X" + bytes([c]) + b"y: z\r\n\r\n"
    for c in CONTROLS:
        yield f"{c!r} in a name", GET + b"X" + c + b"y: z\r\n\r\n"
        yield f"{c!r} in a value", GET + b"X: a" + c + b"b\r\n\r\n"
    for c in (b"\xc3\xa9", b"\xff", b"\x80"):
        yield f"{c!r} in a name", GET + b"X" + c + b": z\r\n\r\n"
    for name in (b"Content-Length", b"Transfer-Encoding", b"Host", b"X"):
        for blank in (b" ", b"\t", b"  "):
            yield f"{blank!r} behind {name.decode()}", POST + name + blank + b": 2\r\n\r\n{}"
        yield f"no colon behind {name.decode()}", POST + name + b"\r\n\r\n{}"
        yield f"no name but a blank before {name.decode()}", b"POST /v1/jobs HTTP/1.1\r\n " + name + b": 2\r\n" \
            b"Host: localhost\r\n\r\n{}"
    yield "NUL in a value", GET + b"X: a\x00b\r\n\r\n"
    yield "NUL in a name", GET + b"X\x00y: b\r\n\r\n"
    yield "NUL before a length", POST + b"\x00Content-Length: 2\r\n\r\n{}"
    yield "a name of nothing", GET + b": z\r\n\r\n"
    yield "a name of nothing before another", GET + b": z\r\nX: y\r\n\r\n"
    for end in (b"\n", b"\n\r", b"\r\r\n"):
        yield f"{end!r} behind the first line", b"GET /livez HTTP/1.1" + end + b"Host: localhost\r\n\r\n"
        yield f"{end!r} behind a field", GET + b"X: y" + end + b"Z: y\r\n\r\n"
        yield f"{end!r} behind the last field", GET + b"X: y" + end + b"\r\n"
        yield f"{end!r} for an empty line", GET + end
    yield "LF everywhere", GET.replace(b"\r", b"") + b"\n"
    yield "a length behind a LF", POST + b"X: y\nContent-Length: 2\r\n\r\n{}"
    for blank in (b" ", b"\t"):
        yield f"a field that is folded with {blank!r}", GET + b"X: y\r\n" + blank + b"z\r\n\r\n"
    yield "a carriage return in a value", GET + b"X: a\rContent-Length: 40\r\n\r\n"
    yield "a carriage return for an end", b"GET /livez HTTP/1.1\rHost: localhost\r\r"
    yield "a folded length", POST + b"Content-Length:\r\n 2\r\n\r\n{}"
    yield "a folded encoding", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"
    yield "a folded part of an encoding", POST + b"Transfer-Encoding: x,\r\n\tchunked\r\n\r\n0\r\n\r\n"
    yield "a folded host", b"GET /livez HTTP/1.1\r\nHost: local\r\n host\r\n\r\n"
    for name in (b"Content-Type", b"Authorization", b"Origin", b"Idempotency-Key", b"Content-Encoding", b"Range"):
        yield f"{name.decode()} twice", GET + name + b": identity\r\n" + name.lower() + b": x\r\n\r\n"
    for size in (17000, 40960, 200000):
        yield f"a field of {size} bytes", GET + b"X: " + b"y" * size + b"\r\n\r\n"
        yield f"a name of {size} bytes", GET + b"X" * size + b": y\r\n\r\n"
        yield f"an address of {size} bytes", b"GET /" + b"x" * size + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for count in (1000, 5000):
        yield f"{count} fields", GET + b"X: y\r\n" * count + b"\r\n"


def lines():
    rest = b"\r\nHost: localhost\r\n\r\n"
    for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/11", b"http/1.1", b"HTTP/1.1 x", b"HTTP/a.b", b"HTTP/", b"HTTP 1.1", b"FTP/1.1",
                    b"HTTP/1.1\x00", b"HTTP/1.1\x0b", b"HTTP/999.1", b"HTTP/-1.1", b"XHTTP/1.1"):
        yield f"version {version!r}", b"GET /livez " + version + rest
    for target in (b"/a%00b", b"/livez%00", b"/livez?a=%00", b"/a%", b"/a%g0", b"/a%0", b"/\x01", b"/\x7f", b"/livez\x00", b"/%ff",
                   b"/\xff", b"/livez?x=\x00", b"localhost:80", b"ftp://localhost/livez", b"http:///livez",
                   b"http://user@localhost/livez", b"http://localhost\x00/livez", b"livez", b"*", b"\\livez", b"?x", b"#x"):
        yield f"target {target!r}", b"GET " + target + b" HTTP/1.1" + rest
    for line in (b"GET /livez", b"GET", b"/livez HTTP/1.1", b" GET /livez HTTP/1.1", b"\x00GET /livez HTTP/1.1", b"G\x00T /livez HTTP/1.1",
                 b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0", b"GET\x0b/livez\x0bHTTP/1.1", b"HTTP/1.1 200 OK"):
        yield f"line {line!r}", line + rest


def chunks():
    for size in (b"", b"-1", b"+1", b"0x1", b"g", b"1g", b"1 2", b"\x001", b"fffffffffffffffff", b"10000000000000000", b"ffffffffffffffff",
                 b"1\x00", b"1,", b"\xff", b"--", b"1.0", b"0x", b"_1"):
        yield f"chunk of {size!r}", CHUNKED + size + b"\r\n{\r\n0\r\n\r\n"
    yield "no end behind a chunk", CHUNKED + b"2\r\n{}0\r\n\r\n"
    yield "a chunk that is longer than it says", CHUNKED + b"1\r\n{}\r\n0\r\n\r\n"
    yield "a chunk that is shorter than it says", CHUNKED + b"3\r\n{\r\n0\r\n\r\n"
    yield "something else behind a chunk", CHUNKED + b"2\r\n{}xx0\r\n\r\n"
    for junk in (b"zz", b"{}", b"\r\n", b"\n\n", b"GET / HTTP/1.1\r\n"):
        yield f"{junk!r} for a chunk", CHUNKED + junk + b"\r\n\r\n"


REFUSED = [entry for table in (lengths, encodings, hosts, fields, lines, chunks) for entry in table()]

# Not among them: a chunk whose end is a bare LF. libmicrohttpd 0.9.75 takes it, and tells nobody (SECURITY.md).

# Well formed, if odd: each has its answer, and so has what follows.
SERVED = {
    "chunked, in capitals": (CHUNKED.replace(b"chunked", b"CHUNKED") + b"2\r\n{}\r\n0\r\n\r\n", 422),
    "two chunks": (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 422),
    "an extension of a chunk": (CHUNKED + b"2;a=b\r\n{}\r\n0\r\n\r\n", 422),
    "zeros before a size": (CHUNKED + b"0002\r\n{}\r\n0\r\n\r\n", 422),
    "a field behind the body": (CHUNKED + b"2\r\n{}\r\n0\r\nX: y\r\n\r\n", 422),
    "a length with zeros": (POST + b"Content-Length: 002\r\n\r\n{}", 422),
    "a length behind blanks": (POST + b"Content-Length: \t 2\r\n\r\n{}", 422),
    "blanks behind a value": (GET + b"X:y \t\r\nZ:  \r\nA:\r\n\r\n", 200),
    "an empty line before": (b"\r\n" + GET + b"\r\n", 200),
    "an absolute address": (b"GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    "a method that nobody knows": (GET.replace(b"GET", b"BREW") + b"\r\n", 405),
    "a foreign host": (b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    "an empty host": (b"GET /livez HTTP/1.1\r\nHost:\r\n\r\n", None),
    "TRACE": (GET.replace(b"GET", b"TRACE") + b"\r\n", 405),
}


def converse(gateway, sent, patience=PATIENCE):
    """Sends all, and gives (what came back until the close, whether it was closed)."""
    received = b""
    with gateway.connect() as connection:
        connection.settimeout(patience)
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)  # what is cut short must not be waited for
        except OSError:
            pass
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return received, True
                received += piece
        except socket.timeout:
            return received, False
        except OSError:
            return received, True


def all_at_once(gateway, conversations):
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(lambda sent: converse(gateway, sent), conversations))


DOUBLED = re.compile(rb"\A(HTTP/1\.1 4[01][03] [A-Za-z ]+\r\nDate: [^\r]+\r\nConnection: close\r\nContent-Length: [0-9]+\r\n\r\n)\1")


def told(received):
    """What libmicrohttpd says of a wrong length has its head twice; by its length, the second is the body of the first."""
    return DOUBLED.sub(rb"\1", received)


def test_there_are_enough_of_them():
    assert len({name for name, _ in REFUSED}) == len(REFUSED) >= 300


def test_one_answer_or_a_close_and_nothing_behind_it(gateways):
    gateway = gateways(server_head_seconds=2)  # after which whoever owes the rest of a chunk is closed
    wrong = []
    for (name, _), (received, is_closed) in zip(REFUSED, all_at_once(gateway, [sent + SMUGGLED for _, sent in REFUSED])):
        found = re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", told(received))
        if not is_closed or len(found) > 1 or b"gpu0" in received or (found and not 400 <= int(found[0]) <= 505):
            wrong.append((name, is_closed, found, received[:80]))
    assert not wrong, f"{len(wrong)} of {len(REFUSED)}: " + "\n".join(map(str, wrong))
    assert gateway.request("GET", "/livez").status == 200 and gateway.json("GET", "/v1/jobs")["data"] == []


@pytest.mark.shares
def test_what_is_only_odd_is_served(gateway):
    wrong = []
    for name, (received, is_closed) in zip(SERVED, all_at_once(gateway, [sent + NEXT for sent, _ in SERVED.values()])):
        status = SERVED[name][1]
        found = statuses(received)
        if not is_closed or (found != [status, 200] if status is not None else len(found) not in (1, 2)):
            wrong.append((name, found, received[:200]))
    assert not wrong, "\n".join(map(str, wrong))


# ---- slow on purpose -------------------------------------------------------------------------------


class Crowd:
    """Connections that send a byte now and then, or read one."""

    def __init__(self, gateway, count, opening, drip):
        self.sockets = []
        self.drip = drip
        for _ in range(count):
            sock = gateway.connect()
            sock.sendall(opening)
            self.sockets.append(sock)

    def feed(self):
        """Sends each its drip; gives how many are still open."""
        for sock in list(self.sockets):
            try:
                sock.settimeout(0)
                if self.drip:
                    sock.send(self.drip)
                if sock.recv(1, socket.MSG_PEEK) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                sock.close()
                self.sockets.remove(sock)
        return len(self.sockets)

    def close(self):
        for sock in self.sockets:
            sock.close()


def honest(gateway, until, answers):
    while not until.is_set():
        answers.append(gateway.request("GET", "/livez").status)


HEADS = {
    "a head without an end": (GET, b"X"),
    "half of the first line": (b"GET /li", b"v"),
    "a field now and then": (GET, b"X: y\r\n"),
    "a body of which little comes": (POST + b"Content-Length: 100000\r\n\r\n", b"x"),
    "a chunk of which little comes": (CHUNKED + b"ffff\r\n", b"x"),
    "small chunks": (CHUNKED, b"1\r\nx\r\n"),
}


@pytest.mark.patient
def test_slow_senders_are_closed_and_honest_clients_are_served(gateways):
    """500 connections with CAMPAIGN_SCALE=1. None is silent for long, so no limit of silence would close them."""
    gateway = gateways(server_head_seconds=2)
    each = max(10, int(500 * SCALE / len(HEADS)))
    crowds = {name: Crowd(gateway, each, *how) for name, how in HEADS.items()}
    answers, until = [], threading.Event()
    clients = [threading.Thread(target=honest, args=(gateway, until, answers)) for _ in range(4)]
    for client in clients:
        client.start()
    began = time.monotonic()
    left = {name: each for name in crowds}
    while any(left.values()) and time.monotonic() - began < 40:
        left = {name: crowd.feed() for name, crowd in crowds.items()}
        time.sleep(0.2)
    took = time.monotonic() - began
    until.set()
    for client in clients:
        client.join()
    for crowd in crowds.values():
        crowd.close()
    assert not any(left.values()), left
    assert took > 1.5, "they were closed before their time"
    assert len(answers) > 100 and set(answers) == {200}
    eventually(lambda: "slow_clients_closed" in gateway.log())


@pytest.mark.patient
def test_patience_with_who_owes_nothing(gateways):
    """One that has not begun, one between two requests, one that waits for us, and one that is slow but not too slow."""
    gateway = gateways(server_head_seconds=2, server_min_rate=64)
    body = b"{" + b" " * 1500
    with gateway.connect() as silent, gateway.connect() as kept, gateway.connect() as slow, gateway.connect() as stream:
        stream.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        kept.sendall(GET + b"\r\n")
        assert b"200 OK" in kept.recv(65536)
        slow.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 100):
            slow.sendall(body[at:at + 100])
            time.sleep(0.4)
        assert b" 400 " in slow.recv(65536)
        for sock in (silent, kept):
            sock.sendall(GET + b"\r\n")
            assert b"200 OK" in sock.recv(65536)
        assert b"200 OK" in stream.recv(65536)
        stream.settimeout(0.2)
        with pytest.raises(socket.timeout):
            while stream.recv(65536):
                pass
    assert "slow_clients_closed" not in gateway.log()


def test_any_pace_will_do_when_it_is_said_so(gateways):
    gateway = gateways(server_head_seconds=1, server_min_rate=0)
    with gateway.connect() as sock:
        sock.sendall(POST + b"Content-Length: 8\r\n\r\n")
        for _ in range(8):
            time.sleep(0.5)
            sock.sendall(b"x")
        assert b" 400 " in sock.recv(65536)


@pytest.mark.patient
def test_a_reader_that_reads_a_byte_now_and_then(gateways):
    gateway = gateways(server_head_seconds=1)
    with gateway.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        # The API's document again and again: more than the kernel's buffers hold.
        sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)
        began = time.monotonic()
        while "slow_clients_closed" not in gateway.log():
            assert time.monotonic() - began < 30 and sock.recv(1)
            time.sleep(0.1)
        assert time.monotonic() - began > 2.5
        sock.settimeout(5)
        with pytest.raises(ConnectionResetError):
            while sock.recv(65536):  # what had come already
                pass
