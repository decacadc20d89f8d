"""Write the files of a page as a C table (gateway/http/static_file.h).

    bundle.py SYMBOL OUT MOUNT FOLDER FILE...

Each is put in as it is and, where that makes it smaller, compressed. The bundle's version is a hash of all
of them; "@BASE@" in an HTML file becomes MOUNT/VERSION.
"""
import gzip
import hashlib
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
GAIN = 0.9  # compressed, if it is smaller than this share of the whole


def read_all(folder: pathlib.Path, names: list[str]) -> dict[str, bytes]:
    files = {}
    for name in sorted(names):
        path = pathlib.Path(name)
        if path.suffix not in TYPES:
            sys.exit(f"bundle.py: {path}: no type is known for {path.suffix or 'a file without a suffix'}")
        files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


def version_of(files: dict[str, bytes]) -> str:
    total = hashlib.sha256()
    for name, data in files.items():
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()[:12]


def etag_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def c_array(name: str, data: bytes) -> list[str]:
    rows = ["    " + "".join(f"{byte}," for byte in data[start:start + 20]) for start in range(0, len(data), 20)]
    return [f"static const unsigned char {name}[] = {{", *rows, "    0};"]


def main() -> None:
    symbol, out, mount, folder, *names = sys.argv[1:]
    files = read_all(pathlib.Path(folder), names)
    version = version_of(files)
    lines = ['#include "http/static_file.h"', ""]
    rows = []
    for index, (name, data) in enumerate(files.items()):
        suffix = pathlib.Path(name).suffix
        if suffix == ".html":
            data = data.replace(b"@BASE@", f"{mount}/{version}".encode())
        packed = gzip.compress(data, 9, mtime=0)
        packed = packed if len(packed) < GAIN * len(data) else b""
        forms = [f"plain_{index}", f"gzip_{index}"]
        lines += c_array(forms[0], data) + c_array(forms[1], packed)
        plain, gzipped = (f'{{{{(const char *){form}, {len(content)}}}, "\\"{etag_of(content)}\\""}}'
                          for form, content in zip(forms, (data, packed)))
        rows.append(f'    {{"{name}", "{TYPES[suffix]}", {plain}, {gzipped}}},')
    lines += ["static const struct static_file files[] = {", *rows, "    {.path = NULL}};",
              f"const struct static_bundle {symbol};",
              f'const struct static_bundle {symbol} = {{"{version}", files}};', ""]
    pathlib.Path(out).write_text("\n".join(lines), encoding="ascii")


main()
