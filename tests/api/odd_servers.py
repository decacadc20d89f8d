"""What can stand between a gateway and its ComfyUI, or pretend to be one: proxies, walls and silent peers.

All of them are threads of the test, on loopback ports that the system chose, and end with it.
"""
import contextlib
import re
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

_CHUNK = 65536


class Listener:
    """Accepts connections and hands each to serve(), in a thread of its own."""

    def __init__(self):
        self.accepted = []  # monotonic times
        self._open = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._is_closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def serve(self, sock):
        raise NotImplementedError

    def wrap(self, sock):
        return sock

    def _accept(self):
        while not self._is_closed:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted.append(time.monotonic())
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        with contextlib.suppress(OSError, ssl.SSLError, EOFError):
            sock = self.wrap(sock)
            with self._lock:
                self._open.add(sock)
            self.serve(sock)
        with self._lock:
            self._open.discard(sock)
        with contextlib.suppress(OSError):
            sock.close()


class HangUp(Listener):
    """Accepts and closes at once: a server that is just going down, for ever."""

    def serve(self, sock):
        return


def read_head(sock):
    """One HTTP request's head, and what came after it already."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(_CHUNK)
        if not piece:
            raise EOFError
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


class Proxy(Listener):
    """Passes requests on to `upstream` (host, port), one request per connection.

    `rule(method, path, headers)` may answer in its place, with (status line, headers, body): what a login wall does.
    freeze() makes a half-open connection of every WebSocket that is open now: nothing passes any more, in neither
    direction, and nobody is told.
    """

    def __init__(self, upstream, rule=None):
        self.upstream = upstream
        self.rule = rule or (lambda method, path, headers: None)
        self.seen = []  # (method, path) of every request
        self.frozen_tunnels = 0
        self._freeze_before = 0.0
        super().__init__()

    def freeze(self):
        self._freeze_before = time.monotonic()

    def serve(self, sock):
        head, rest = read_head(sock)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {name.strip().lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        self.seen.append((method, path))
        answer = self.rule(method, path, headers)
        if answer is not None:
            self._answer(sock, answer)
            return
        is_tunnel = headers.get("upgrade", "").lower() == "websocket"
        if not is_tunnel:
            head = re.sub(rb"(?im)^connection:[^\r]*\r\n", b"", head)
            head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with socket.create_connection(self.upstream) as other:
            other.sendall(self.edit(head) + rest)
            self._pump(sock, other, is_tunnel)

    def edit(self, head):
        """What the upstream gets instead of this head."""
        return head

    @staticmethod
    def _answer(sock, answer):
        status, headers, body = answer
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()),
                 f"Content-Length: {len(body)}", "Connection: close", "", ""]
        sock.sendall("\r\n".join(lines).encode() + body)

    def _pump(self, one, other, is_tunnel):
        began = time.monotonic()
        peers = {one: other, other: one}
        while not self._is_closed:
            if is_tunnel and self._freeze_before > began:
                self.frozen_tunnels += 1
                self._hold_until_closed()
                return
            pending = isinstance(one, ssl.SSLSocket) and one.pending() > 0
            ready = [one] if pending else select.select(list(peers), [], [], 0.05)[0]
            for sock in ready:
                data = sock.recv(_CHUNK)
                if not data:
                    return
                peers[sock].sendall(data)

    def _hold_until_closed(self):
        while not self._is_closed:
            time.sleep(0.05)


class TlsProxy(Proxy):
    """The same behind TLS, with a certificate that nobody has signed."""

    def __init__(self, upstream, directory):
        cert, key = directory / "cert.pem", directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=30)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        self.handshake_errors = []
        super().__init__(upstream)
        self.url = f"https://127.0.0.1:{self.port}"

    def wrap(self, sock):
        try:
            return self._context.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError) as error:
            self.handshake_errors.append(str(error))
            raise


class StalledSocket:
    """A WebSocket client that shakes hands and then never reads: ComfyUI's delivery loop waits for it (fault 1)."""

    def __init__(self, address, client_id="stalled-reader"):
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._sock.settimeout(10)
        self._sock.connect(address)
        self._sock.sendall(f"GET /ws?clientId={client_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
        answer = self._sock.recv(12)
        assert answer == b"HTTP/1.1 101", answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # RST: nothing lingers.
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
