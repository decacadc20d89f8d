"""A WebSocket server for tests that misbehaves as its paths say.

Standard library only, so that every frame is under the test's control. Writes the port it listens on,
then one line for each thing it hears, to standard output. Ends when standard input does.

  /echo     sends back each text message that it gets, then what it got of the handshake
  /plain    sends back each text message that it gets
  /headers  the same, behind a handshake with 8 KiB of headers
  /mixed    an empty text, a text in three frames with a ping between, and a large binary
  /large    texts above the ceiling of 100,000 bytes, in one frame and in many; then a short one
  /mute     answers no ping
  /talk     answers no ping, but keeps talking
  /cut      goes away within a frame
  /bye      closes with code 1009 and a reason
  /close-N  closes with code N when it has got a message
  /leave    closes without a code
  /stay     does not answer a close frame
  /hang     does not answer the handshake
  /status-N refuses the handshake with status N
"""

import base64
import hashlib
import os
import socket
import ssl
import struct
import sys
import threading
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def say(*words):
    print(*words, flush=True)


def read_exactly(sock, count):
    data = bytearray()
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def read_head(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(sock, 1)
    return head


def read_frame(sock):
    first, second = read_exactly(sock, 2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", read_exactly(sock, 2))
    elif length == 127:
        (length,) = struct.unpack(">Q", read_exactly(sock, 8))
    mask = read_exactly(sock, 4)
    data = read_exactly(sock, length)
    key = (mask * (length // 4 + 1))[:length]
    data = (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
    return first & 0x0F, data


def frame(opcode, data=b"", last=True):
    head = bytes([(0x80 if last else 0) | opcode])
    if len(data) < 126:
        head += bytes([len(data)])
    elif len(data) < 65536:
        head += bytes([126]) + struct.pack(">H", len(data))
    else:
        head += bytes([127]) + struct.pack(">Q", len(data))
    return head + data


def accept(sock, head, more=b""):
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    key = key.split(b":", 1)[1].strip()
    proof = base64.b64encode(hashlib.sha1(key + GUID).digest())
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n" + more + b"\r\n"
    )


def send_first(sock, mode):
    if mode == "mixed":
        sock.sendall(frame(TEXT))
        sock.sendall(frame(TEXT, b"one ", last=False) + frame(PING, b"between"))
        sock.sendall(frame(CONTINUATION, b"two ", last=False) + frame(CONTINUATION, b"three"))
        sock.sendall(frame(BINARY, b"\x00\xff" * 100000))
    elif mode == "large":
        sock.sendall(frame(TEXT, b"x" * 100001))
        sock.sendall(frame(TEXT, b"x" * 60000, last=False))
        sock.sendall(frame(CONTINUATION, b"x" * 60000, last=False) + frame(CONTINUATION, b"x" * 60000))
        sock.sendall(frame(TEXT, b"y" * 100000))
        sock.sendall(frame(BINARY, b"z" * 200001))
        sock.sendall(frame(TEXT, b"short"))
    elif mode == "cut":
        sock.sendall(frame(TEXT, b"x" * 1000)[:500])
        sock.shutdown(socket.SHUT_RDWR)
    elif mode == "bye":
        sock.sendall(frame(CLOSE, struct.pack(">H", 1009) + b"too large for me"))
    elif mode == "leave":
        sock.sendall(frame(CLOSE))


def keep_talking(sock):
    try:
        while True:
            sock.sendall(frame(TEXT, b"..."))
            time.sleep(0.02)
    except OSError:
        pass


def converse(sock, mode, head):
    send_first(sock, mode)
    if mode == "talk":
        threading.Thread(target=keep_talking, args=(sock,), daemon=True).start()
    while True:
        opcode, data = read_frame(sock)
        if opcode == PING:
            say("ping")
            if mode not in ("mute", "talk"):
                sock.sendall(frame(PONG, data))
        elif opcode == PONG:
            say("pong", data.decode())
        elif opcode == CLOSE:
            say("close", struct.unpack(">H", data[:2])[0] if len(data) >= 2 else "without code")
            if mode == "stay":
                continue
            sock.sendall(frame(CLOSE, data))
            sock.shutdown(socket.SHUT_WR)
        elif mode == "echo":
            sock.sendall(frame(TEXT, data) + frame(TEXT, head))
        elif mode in ("plain", "headers"):
            say("text", data[:20].decode())
            sock.sendall(frame(TEXT, data))
        elif mode.startswith("close-"):
            sock.sendall(frame(CLOSE, struct.pack(">H", int(mode.split("-")[1]))))


def serve(sock):
    try:
        head = read_head(sock)
        mode = head.split(b" ")[1].decode().split("?")[0].split("/")[1]
        if mode == "hang":
            time.sleep(60)
        elif mode.startswith("status-"):
            status = int(mode.split("-")[1])
            sock.sendall(
                b"HTTP/1.1 %d Test\r\nLocation: /echo/ws\r\nContent-Length: 2\r\n\r\nno" % status
            )
        else:
            more = b"".join(b"X-Header-%d: %s\r\n" % (i, b"v" * 400) for i in range(20))
            accept(sock, head, more if mode == "headers" else b"")
            converse(sock, mode, head)
    except (EOFError, OSError) as error:
        say("end", type(error).__name__)
    sock.close()


def listen(certificate):
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener = context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
    return listener


def accept_all(listener):
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


def main():
    listener = listen(sys.argv[1] if len(sys.argv) > 1 else None)
    say(listener.getsockname()[1])
    threading.Thread(target=accept_all, args=(listener,), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
