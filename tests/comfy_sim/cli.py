"""The command line of comfy-sim."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import List, Optional

from comfy_sim.faults import describe_faults
from comfy_sim.options import Options, parse_version

EPILOG = """\
admin endpoints (never counted, never faulted):
  GET  /sim/log[?prompts=N]         counters, sockets, prompts (the newest N)
  GET  /sim/prompts/ID/raw          body of the last POST /prompt that was queued as ID, as it arrived
  GET  /sim/posts, /sim/posts/N/raw every POST /prompt, refused ones too
  GET|POST|DELETE /sim/faults       read, replace, empty the fault plan
  POST /sim/restart {down_ms}       forget everything; the port refuses for down_ms
  POST /sim/kill-worker             the worker thread ends, HTTP goes on
  POST /sim/revive-worker           a new worker thread
  POST /sim/foreign {count,...}     jobs of another client
  POST /sim/history-forget {prompt_id}
  POST /sim/ws-drop {client_id?}    cut sockets without a close frame
  POST /sim/speed {steps, step_ms}  change --steps and --step-ms
  POST /sim/models {folder: [names]}  what the loaders list
  POST /sim/nodes {add: {name: like}, remove: [names]}
"""


def _listen(text: str) -> tuple:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _faults(text: str) -> object:
    """JSON itself, or @FILE."""
    try:
        return json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"bad fault plan: {error}") from error


def _version(text: str) -> str:
    try:
        parse_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="comfy-sim",
        description="A stand-in for a ComfyUI server, for tests and demos. It draws pictures, it computes none.",
        epilog=EPILOG + "\nfaults:\n" + describe_faults(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--listen", type=_listen, default=("127.0.0.1", 8188), metavar="HOST:PORT",
        help="default 127.0.0.1:8188; port 0 takes a free one and prints it")
    add("--comfyui-version", type=_version, default="0.33.0", metavar="V",
        help="release to imitate (default 0.33.0): endpoints and checks that V lacks are absent")
    add("--steps", type=int, metavar="N", help="KSampler runs N steps whatever the graph says")
    add("--step-ms", type=float, default=60.0, metavar="MS", help="time of one KSampler step (default 60)")
    add("--base-dir", type=Path, metavar="DIR",
        help="holds output/, input/, temp/ (default: a directory removed at exit)")
    add("--output-dir", type=Path, metavar="DIR")
    add("--input-dir", type=Path, metavar="DIR")
    add("--temp-dir", type=Path, metavar="DIR", help="emptied at every start")
    add("--log-file", type=Path, metavar="FILE", help="append one JSON line per event; survives kill -9")
    add("--faults", type=_faults, metavar="JSON|@FILE", help="fault plan, see below")
    add("--max-upload-size", type=float, metavar="MIB", dest="max_upload_mib", help="request body limit (default 100)")
    add("--disable-metadata", action="store_true", help="no prompt in saved pictures")
    add("--shuffle-outputs", action="store_true",
        help="order of independent outputs differs per process, as it does in ComfyUI")
    add("--keep", type=int, default=20000, metavar="N", help="prompts and raw bodies remembered for /sim/log")
    add("--exit-with-parent", action="store_true", help="end when standard input reaches its end")
    return parser


def parse_options(argv: List[str]) -> Options:
    args = vars(build_parser().parse_args(argv))
    host, port = args.pop("listen")
    return Options(host=host, port=port, argv=argv, **args)


def main(argv: Optional[List[str]] = None) -> int:
    options = parse_options(sys.argv[1:] if argv is None else argv)
    # A 500 is part of the protocol here; aiohttp would log a traceback for each.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL + 1)
    from comfy_sim.server import serve

    try:
        asyncio.run(serve(options))
    except OSError as error:
        print(f"comfy-sim: {error}", file=sys.stderr)
        return 1
    return 0
