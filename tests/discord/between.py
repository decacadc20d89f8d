"""A server between the adapter and comfygate: it passes on what it is asked, and fails where a test says so."""
import contextlib
import http.client
import http.server
import threading
import urllib.parse


class Between:
    """`fail(method, path, body)` gives a status to answer with instead, 0 to hang up without an answer, or None to pass it on."""

    def __init__(self, url, fail):
        self._target = urllib.parse.urlsplit(url).netloc
        self._fail = fail
        self._streams = set()
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one(self):
                between._pass_on(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_):
                """Nothing is told."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        status = self._fail(handler.command, handler.path, body)
        handler.close_connection = True
        if status is not None:
            if status:
                handler.send_response(status)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
            return
        connection = http.client.HTTPConnection(self._target, timeout=60)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "connection", "content-length")}
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            connection.request(handler.command, handler.path, body or None, headers)
            answer = connection.getresponse()
            handler.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    handler.send_header(name, value)
            handler.send_header("Connection", "close")
            handler.end_headers()
            self._copy(handler, connection, answer)

    def _copy(self, handler, connection, answer):
        self._streams.add(connection)
        try:
            while True:
                piece = answer.read1(65536)
                if not piece:
                    return
                handler.wfile.write(piece)
        finally:
            self._streams.discard(connection)

    def cut_streams(self):
        """All answers that are still going on end here."""
        for connection in list(self._streams):
            with contextlib.suppress(OSError):
                connection.sock and connection.sock.shutdown(2)

    def close(self):
        self.cut_streams()
        self._server.shutdown()
        self._server.server_close()
