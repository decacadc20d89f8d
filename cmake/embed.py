"""Write files as a C table of struct embedded_file (gateway/base/embed.h).

    embed.py SYMBOL OUT [--below FOLDER] FILE...

A row's name is that of its file; with --below, its path from that folder.
"""
import pathlib
import sys


def main() -> None:
    symbol, out, *files = sys.argv[1:]
    below = None
    if files[:1] == ["--below"]:
        below = files[1]
        files = files[2:]
    lines = ['#include "base/embed.h"', ""]
    rows = []
    for index, name in enumerate(files):
        path = pathlib.Path(name)
        data = path.read_bytes()
        lines.append(f"static const unsigned char data_{index}[] = {{")
        for start in range(0, len(data), 20):
            lines.append("    " + "".join(f"{byte}," for byte in data[start:start + 20]))
        lines.append("    0};")
        shown = path.relative_to(below).as_posix() if below else path.name
        rows.append(f'    {{"{shown}", (const char *)data_{index}, {len(data)}}},')
    lines += [f"const struct embedded_file {symbol}[];",
              f"const struct embedded_file {symbol}[] = {{", *rows, "    {0}};", ""]
    pathlib.Path(out).write_text("\n".join(lines), encoding="ascii")


main()
