"""A stand-in for an S3 server that keeps objects in memory, checks the signature of every request, and plays faults.

The signature (AWS Signature Version 4) is worked out anew from what came over the wire, so that a request that is
signed wrongly, or whose body is not what its x-amz-content-sha256 says, is refused as a real server would.
"""
import hashlib
import hmac
import re
import threading
import time
import urllib.parse
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SKEW = 15 * 60  # seconds


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature_of(secret, scope, moment, canonical):
    """The hexadecimal signature of a canonical request; `scope` is date/region/service/aws4_request."""
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = digest(key, part)
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def canonical_request(method, target, headers, signed, payload_hash):
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    query = "&".join(f"{urllib.parse.quote(name, safe='-_.~')}={urllib.parse.quote(value, safe='-_.~')}"
                     for name, value in pairs)
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in signed.split(";")]
    return "\n".join([method, path, query, *lines, "", signed, payload_hash])


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status = status
        self.code = code


class S3Server:
    """objects: key -> (bytes, moment it was put). `fault` may be a function of the handler that returns a status to
    answer with, a status and a code, "cut" (half a body), "short" (a body that ends early, told so), "other" (other bytes), or None."""

    def __init__(self, bucket="pictures", access_key="AKIATEST", secret="not/a+real=secret", region="us-east-1", port=0):
        self.bucket, self.access_key, self.secret, self.region = bucket, access_key, secret, region
        self.objects = {}
        self.requests = []  # (method, key)
        self.refused = []   # codes
        self.fault = None
        self.ahead = 0      # seconds that its clock is ahead
        self.lock = threading.Lock()
        server = self

        class Handler(_Handler):
            s3 = server

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def url(self, prefix="", **options):
        query = {"endpoint": f"http://127.0.0.1:{self.port}", "region": self.region, "path_style": "1", **options}
        return f"s3://{self.bucket}{prefix}?" + "&".join(f"{name}={value}" for name, value in query.items())

    def settings(self, **options):
        return {"storage_url": self.url(**options), "storage_access_key": self.access_key,
                "storage_secret_key": self.secret}

    def count(self, method):
        with self.lock:
            return sum(1 for seen, _key in self.requests if seen == method)

    def put(self, key, data, age=0):
        with self.lock:
            self.objects[key] = (data, time.time() - age)

    def keys(self):
        with self.lock:
            return sorted(self.objects)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3 = None
    says = {}  # header fields that a link wants of its answer

    def log_message(self, *_args):
        pass

    def do_GET(self):
        self.serve()

    do_PUT = do_DELETE = do_HEAD = do_GET

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            key = self.check(body)
            with self.s3.lock:
                self.s3.requests.append((self.command, key))
            fault = self.s3.fault(self) if self.s3.fault else None
            if isinstance(fault, tuple):
                raise Refused(*fault)
            if isinstance(fault, int):
                raise Refused(fault, "InternalError" if fault >= 500 else "AccessDenied")
            getattr(self, f"answer_{self.command}")(key, body, fault)
        except Refused as e:
            self.s3.refused.append(e.code)
            self.answer(e.status, f"<?xml version='1.0'?><Error><Code>{e.code}</Code></Error>".encode())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, status, data=b"", length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in self.says.items():
            if value is not None and status < 300:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def check_link(self, query):
        """That a link which carries its signature is whole and not over."""
        fields = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        access_key, scope = fields["X-Amz-Credential"].split("/", 1)
        moment = fields["X-Amz-Date"]
        at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
        if access_key != self.s3.access_key:
            raise Refused(403, "InvalidAccessKeyId")
        if "Authorization" in self.headers or fields["X-Amz-SignedHeaders"] != "host":
            raise Refused(400, "InvalidArgument")
        if not at - SKEW <= time.time() + self.s3.ahead < at + int(fields["X-Amz-Expires"]):
            raise Refused(403, "AccessDenied")
        signature = fields.pop("X-Amz-Signature")
        path = self.path.partition("?")[0]
        target = f"{path}?{urllib.parse.urlencode(fields, quote_via=urllib.parse.quote, safe='')}"
        canonical = canonical_request(self.command, target, {"host": self.headers["Host"]}, "host", "UNSIGNED-PAYLOAD")
        if not hmac.compare_digest(signature_of(self.s3.secret, scope, moment, canonical), signature):
            raise Refused(403, "SignatureDoesNotMatch")
        return fields

    def check(self, body):
        """The key that is asked for, when the signature is right."""
        path, _, query = self.path.partition("?")
        self.says = {}
        if "X-Amz-Signature=" in query:
            fields = self.check_link(query)
            self.says = {"Content-Type": fields.get("response-content-type"),
                         "Content-Disposition": fields.get("response-content-disposition")}
        else:
            self.check_headers(body)
        bucket, _, key = urllib.parse.unquote(path)[1:].partition("/")
        if bucket != self.s3.bucket:
            raise Refused(404, "NoSuchBucket")
        return key

    def check_headers(self, body):
        parts = dict(re.findall(r"(\w+)=([^,\s]+)", self.headers.get("Authorization", "")))
        if not parts:
            raise Refused(403, "AccessDenied")
        access_key, scope = parts["Credential"].split("/", 1)
        moment = self.headers["X-Amz-Date"]
        at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
        if access_key != self.s3.access_key:
            raise Refused(403, "InvalidAccessKeyId")
        if abs(at - time.time() - self.s3.ahead) > SKEW:
            raise Refused(403, "RequestTimeTooSkewed")
        if scope != f"{moment[:8]}/{self.s3.region}/s3/aws4_request":
            raise Refused(400, "AuthorizationHeaderMalformed")
        headers = {name.lower(): value for name, value in self.headers.items()}
        signed = parts["SignedHeaders"]
        if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(signed.split(";")):
            raise Refused(403, "AccessDenied")
        canonical = canonical_request(self.command, self.path, headers, signed, headers["x-amz-content-sha256"])
        if not hmac.compare_digest(signature_of(self.s3.secret, scope, moment, canonical), parts["Signature"]):
            raise Refused(403, "SignatureDoesNotMatch")
        if hashlib.sha256(body).hexdigest() != headers["x-amz-content-sha256"]:
            raise Refused(400, "XAmzContentSHA256Mismatch")

    def answer_PUT(self, key, body, _fault):
        self.s3.put(key, body)
        self.answer(200)

    def answer_DELETE(self, key, _body, _fault):
        with self.s3.lock:
            self.s3.objects.pop(key, None)
        self.answer(204)

    def answer_GET(self, key, _body, fault):
        if key == "":
            return self.answer_list()
        with self.s3.lock:
            data, _at = self.s3.objects.get(key, (None, 0))
        if data is None:
            raise Refused(404, "NoSuchKey")
        if fault == "cut":
            self.answer(200, data[:len(data) // 2], len(data))
            self.close_connection = True
        elif fault == "short":
            self.answer(200, data[:len(data) // 2])
        elif fault == "other":
            self.answer(200, bytes(len(data)))
        elif part := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            self.answer(206, data[int(part[1]):int(part[2]) + 1 if part[2] else None])
        else:
            self.answer(200, data)
        return None

    def answer_list(self):
        query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
        limit = int(query.get("max-keys", 1000))
        with self.s3.lock:
            found = [(key, at) for key, (_data, at) in sorted(self.s3.objects.items())
                     if key.startswith(query.get("prefix", "")) and key > query.get("start-after", "")]
        text = "".join(
            f"<Contents><Key>{key}</Key><LastModified>"
            f"{datetime.fromtimestamp(at, timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.000Z')}</LastModified></Contents>"
            for key, at in found[:limit])
        self.answer(200, ("<?xml version='1.0'?><ListBucketResult><IsTruncated>"
                          f"{'true' if len(found) > limit else 'false'}</IsTruncated>{text}</ListBucketResult>").encode())
