"""A receiver of webhooks, as users write one, that can also misbehave.

    with Receiver() as receiver:
        receiver.plan("/a", [503, 200])          # the first message is answered 503, all others 200
        ... receiver.url + "/a" ...
        message = receiver.next()                # path, headers, body, verify()

What an answer can be: a status; ("hang",); ("reset",): the connection is reset within the answer's body; ("close",):
before any answer; ("huge", status, bytes); (status, {header: value}).

The check of signatures is written from the text of Standard Webhooks, and shares nothing with the gateway.
"""
import base64
import hashlib
import hmac
import http.server
import json
import queue
import socket
import struct
import threading
import time

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOLERANCE = 300  # seconds that a message may be old


def sign(secret, id_, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = id_.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Message:
    def __init__(self, path, headers, body):
        self.path = path
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body
        self.at = time.time()

    @property
    def id(self):
        return self.headers["webhook-id"]

    def json(self):
        return json.loads(self.body)

    def verify(self, secret=SECRET):
        """The event, if it is signed by the secret and not too old."""
        timestamp = self.headers["webhook-timestamp"]
        assert abs(time.time() - int(timestamp)) < TOLERANCE, timestamp
        right = sign(secret, self.id, timestamp, self.body)
        assert any(hmac.compare_digest(each, right) for each in self.headers["webhook-signature"].split(" "))
        return self.json()


class Receiver:
    """`context` of ssl makes it speak TLS."""

    def __init__(self, host="127.0.0.1", port=0, context=None):
        self.messages = queue.Queue()
        self.all = []
        self.connections = 0
        self._plans = {}
        self._default = [200]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver._hear(self)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            request_queue_size = 200

            def get_request(self):
                with receiver._lock:
                    receiver.connections += 1
                return super().get_request()

            def handle_error(self, *_):
                pass  # a client that hangs up is no news here

        self._server = Server((host, port), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        self.url = f"{'https' if context else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def plan(self, path, answers):
        """The answers to messages to this path, in order; the last one counts for all after it."""
        with self._lock:
            self._plans[path] = list(answers)

    def next(self, timeout=20):
        return self.messages.get(timeout=timeout)

    def quiet(self, seconds=0.5):
        """Whether nothing comes for so long."""
        try:
            self.messages.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def _hear(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        message = Message(handler.path, handler.headers.items(), body)
        with self._lock:
            plan = self._plans.get(handler.path, self._default)
            answer = plan[0] if len(plan) == 1 else plan.pop(0)
            self.all.append(message)
        self.messages.put(message)
        handler.close_connection = True
        self._answer(handler, answer)

    def _answer(self, handler, answer):
        if isinstance(answer, int):
            answer = (answer, {})
        if answer[0] == "hang":
            self._stop.wait(30)
        elif answer[0] == "close":
            pass
        elif answer[0] == "reset":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
            handler.wfile.flush()
            time.sleep(0.05)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif answer[0] == "huge":
            handler.send_response(answer[1])
            handler.send_header("Content-Length", str(answer[2]))
            handler.end_headers()
            for _ in range(answer[2] // 65536):
                handler.wfile.write(b"x" * 65536)
        else:
            handler.send_response(answer[0])
            for name, value in answer[1].items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
