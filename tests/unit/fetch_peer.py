"""A web server for test_fetch.c that misbehaves as its paths say, behind three certificates and none.

Standard library and openssl only. Makes its certificates in the folder that it is given, the trusted
authority being ca.pem there. Writes the ports to standard output, in one line: that of the good
certificate, of one for another name, of one that nobody signed, of one that has expired, and of plain
HTTP; then a line for each request. Ends when standard input does.

  /ok/N         N bytes                       /chunked/N    the same without a length told before
  /until-end/N  the same, ended by the end of the connection
  /status/N     status N with a text          /echo         the request's head
  /to/N?URL     status N, and there           /loop         to itself
  /hops/N       N redirects, then 10 bytes    /two          redirects to two places
  /nowhere      a redirect without a place
  /drip         a byte every 20 ms            /mute         nothing
  /long         tells 1000 bytes, sends 10    /short        tells 10 bytes, sends 1000
  /vast         tells 10^15 bytes             /bomb         10 MB of zeroes, compressed
  /packed       the same, compressed on the way             /identity     coded as identity
  /head         header lines without end      /hundred      "100 Continue" without end
  /zero         a NUL in the head             /noise        no HTTP at all
  /late/N       a redirect to /ok/N whose body never ends
"""

import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

BOMB = gzip.compress(bytes(10_000_000))


def say(*words):
    print(*words, flush=True)


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def make_authority(folder):
    make_key(f"{folder}/ca.key")
    openssl("req", "-x509", "-new", "-key", f"{folder}/ca.key", "-subj", "/CN=test authority",
            "-days", "2", "-out", f"{folder}/ca.pem")


def make_certificate(folder, name, host, signed=True, days="2"):
    key, pem, extra = (f"{folder}/{name}.{end}" for end in ("key", "pem", "ext"))
    make_key(key)
    with open(extra, "w", encoding="ascii") as file:
        file.write(f"subjectAltName={host}\n")
    openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", f"{folder}/{name}.csr")
    by = ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial"] if signed \
        else ["-signkey", key]
    openssl("x509", "-req", "-in", f"{folder}/{name}.csr", *by, "-days", days, "-extfile", extra, "-out", pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


def head_of(status, *lines):
    return "\r\n".join([f"HTTP/1.1 {status} Test", *lines, "", ""]).encode()


def plain(sock, body, status=200, *lines):
    sock.sendall(head_of(status, f"Content-Length: {len(body)}", *lines) + body)


def chunks(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"


def send_for_ever(sock, piece, pause=0.0):
    while True:
        sock.sendall(piece)
        time.sleep(pause)


def redirect(sock, place, status=302):
    plain(sock, b"", status, f"Location: {place}")


def answer_sizes(sock, what, count):
    body = b"b" * int(count)
    if what == "ok":
        plain(sock, body)
    elif what == "chunked":
        sock.sendall(head_of(200, "Transfer-Encoding: chunked") + chunks(body))
    elif what == "until-end":
        sock.sendall(head_of(200, "Connection: close") + body)
    elif what == "status":
        plain(sock, b"an inner secret", int(count))
    elif what == "hops":
        redirect(sock, f"/hops/{int(count) - 1}") if int(count) else plain(sock, b"b" * 10)
    elif what == "late":
        sock.sendall(head_of(302, f"Location: /ok/{count}", "Content-Length: 1000"))
        time.sleep(60)
    else:
        plain(sock, b"", 404)


def answer_odd(sock, what, head):
    fixed = {
        "echo": lambda: plain(sock, head),
        "loop": lambda: redirect(sock, "/loop"),
        "two": lambda: plain(sock, b"", 302, "Location: /ok/1", "Location: /ok/2"),
        "nowhere": lambda: plain(sock, b"", 302),
        "long": lambda: sock.sendall(head_of(200, "Content-Length: 1000") + b"b" * 10),
        "short": lambda: sock.sendall(head_of(200, "Content-Length: 10") + b"b" * 1000),
        "vast": lambda: sock.sendall(head_of(200, f"Content-Length: {10**15}") + b"b" * 10),
        "bomb": lambda: plain(sock, BOMB, 200, "Content-Encoding: gzip"),
        "packed": lambda: sock.sendall(head_of(200, "Transfer-Encoding: gzip, chunked") + chunks(BOMB)),
        "identity": lambda: plain(sock, b"b" * 10, 200, "Content-Encoding: identity"),
        "head": lambda: (sock.sendall(b"HTTP/1.1 200 Test\r\n"), send_for_ever(sock, b"A: b\r\n" * 500)),
        "hundred": lambda: send_for_ever(sock, head_of(100) * 100),
        "zero": lambda: sock.sendall(head_of(200, "A: b\0c", "Content-Length: 1") + b"b"),
        "noise": lambda: sock.sendall(b"\x00\x01\x02\x03 not a web server\r\n\r\n"),
        "drip": lambda: (sock.sendall(head_of(200, "Content-Length: 100000")), send_for_ever(sock, b"b", 0.02)),
        "mute": lambda: time.sleep(60),
    }
    fixed.get(what, lambda: plain(sock, b"", 404))()


def read_head(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = sock.recv(65536)
        if not more or more[0] == 0x16 and not head:  # a handshake where none is spoken
            raise EOFError
        head += more
    return head


def serve(sock, context):
    try:
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        head = read_head(sock)
        target = head.split(b" ")[1].decode()
        say("request", target)
        path, _, query = target.partition("?")
        words = path.split("/")[1:]
        if words[0] == "to":
            redirect(sock, urllib.parse.unquote(query), int(words[1]))
        elif len(words) == 2:
            answer_sizes(sock, *words)
        else:
            answer_odd(sock, words[0], head)
        sock.shutdown(socket.SHUT_WR)
    except (EOFError, OSError):
        pass
    sock.close()


def accept_all(listener, context):
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock, context), daemon=True).start()


def main():
    folder = sys.argv[1]
    make_authority(folder)
    contexts = [
        make_certificate(folder, "good", "DNS:localhost,IP:127.0.0.1"),
        make_certificate(folder, "other", "DNS:other.example"),
        make_certificate(folder, "unknown", "DNS:localhost,IP:127.0.0.1", signed=False),
        make_certificate(folder, "expired", "DNS:localhost,IP:127.0.0.1", days="0"),
        None,
    ]
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in contexts]
    say(*(listener.getsockname()[1] for listener in listeners))
    for listener, context in zip(listeners, contexts):
        threading.Thread(target=accept_all, args=(listener, context), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
