"""./bench: measures, prints a table, and writes it as JSON and as a picture. `./bench --help`."""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import sys

from tests.bench import picture, rows, stand
from tests.bench.rows import Effort


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")),
                 platform.machine())
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {datetime.date.today().isoformat()}"


def number(value, unit):
    digits = 0 if abs(value) >= 1000 or unit == "bytes" else 2 if abs(value) < 100 else 1
    digits = 3 if unit == "s" else digits
    return f"{value:,.{digits}f} {unit}"


def line(row):
    sense = "≤" if row.at_most else "≥"
    judged = f"{row.judged:.2f}" if row.floor else ""
    wanted = f"{sense} {row.limit:g}" if row.floor else f"{sense} {number(row.limit, row.unit)}"
    floor = number(row.floor, row.unit) if row.floor else ""
    mark = "ok" if row.is_met else "MISSED"
    return f"{row.name:56} {number(row.value, row.unit):>14} {floor:>14} {judged:>6}  {wanted:14} {mark}"


def arguments():
    parser = argparse.ArgumentParser(
        prog="./bench", description="Measures comfygate against floors in the same run: programs that do the least that a promise costs.")
    parser.add_argument("--seconds", type=int, default=5, help="of each run with load (default 5; each is repeated)")
    parser.add_argument("--rounds", type=int, default=rows.ROUNDS, help="how often comfygate and its floor take turns (default 3; the median counts)")
    parser.add_argument("--only", help=f"some parts of: {', '.join(rows.PARTS)}")
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path("build/bench/bench.json"), help="where the numbers go")
    parser.add_argument("--picture", type=pathlib.Path, default=pathlib.Path("build/bench/bench.svg"), help="where the picture goes")
    given = parser.parse_args()
    given.parts = given.only.split(",") if given.only else list(rows.PARTS)
    unknown = [part for part in given.parts if part not in rows.PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(rows.PARTS)}")
    if given.seconds < 1 or given.rounds < 1:
        parser.error("--seconds and --rounds are at least 1")
    return given


def write(given, measured):
    for path in (given.json, given.picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    listed = [{**dataclasses.asdict(row), "judged": row.judged, "is_met": row.is_met} for row in measured]
    given.json.write_text(json.dumps({"machine": machine(), "rows": listed}, indent=2) + "\n", encoding="utf-8")
    given.picture.write_text(picture.draw(measured, machine()), encoding="utf-8")


def main():
    given = arguments()
    measured = []
    print(machine())
    print(f"{'':56} {'comfygate':>14} {'floor':>14} {'ratio':>6}  wanted")
    for part in given.parts:
        place = stand.Stand()
        try:
            if sys.stderr.isatty():
                print(f"\r{part} ...", end="\r", file=sys.stderr, flush=True)
            for row in rows.PARTS[part](place, Effort(given.seconds, given.rounds)):
                measured.append(row)
                print(line(row), flush=True)
        finally:
            place.close()
    write(given, measured)
    print(f"written: {given.json}, {given.picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
