"""Pictures and other files for tests, and the way they reach a gateway."""
import io
import random

from PIL import Image


def picture(color=(200, 30, 40), size=(40, 30), kind="PNG", **options):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, kind, **options)
    return out.getvalue()


def noise(width, height, seed=1, kind="PNG", **options):
    """A picture that does not compress: about 3 bytes for each pixel as PNG."""
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3)).save(out, kind, **options)
    return out.getvalue()


def look(data):
    """The picture that the bytes are."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def form(parts, boundary="a7f3"):
    """A multipart/form-data body of (name, filename or None, bytes), and its headers."""
    body = b""
    for name, filename, data in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def upload(gateway, data, name=None, content_type="application/octet-stream"):
    """The asset that the bytes have become; new or known."""
    path = "/v1/assets" + (f"?name={name}" if name else "")
    answer = gateway.request("POST", path, body=data, headers={"Content-Type": content_type})
    assert answer.status in (200, 201), answer
    return answer.json()
