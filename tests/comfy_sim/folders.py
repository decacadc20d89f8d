"""The three file areas of a server (output, input, temp) and the rules for names in them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Dict, Optional, Tuple

from comfy_sim.options import Options

_COUNTED = re.compile(r"_(\d+)_?\.[A-Za-z0-9]+$")


class Folders:
    """Where files are. Directories that nobody named live in one temporary directory."""

    def __init__(self, options: Options) -> None:
        self._scratch: Optional[str] = None
        base = options.base_dir
        if base is None and not (options.output_dir and options.input_dir and options.temp_dir):
            self._scratch = tempfile.mkdtemp(prefix="comfy-sim-")
            base = Path(self._scratch)
        self.roots: Dict[str, Path] = {
            "output": Path(options.output_dir or base / "output").resolve(),
            "input": Path(options.input_dir or base / "input").resolve(),
            "temp": Path(options.temp_dir or base / "temp").resolve(),
        }
        self._counters: Dict[Tuple[str, str], Tuple[int, Path]] = {}
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """What a server does at its start: temp is emptied, the others stay."""
        shutil.rmtree(self.roots["temp"], ignore_errors=True)
        for root in self.roots.values():
            root.mkdir(parents=True, exist_ok=True)
        self._counters.clear()

    def close(self) -> None:
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def annotated(self, name: str, default: str) -> Tuple[str, str]:
        """`x.png [temp]` -> (`x.png`, `temp`)."""
        for kind in self.roots:
            if name.endswith(f"[{kind}]"):
                return name[: -len(kind) - 2].rstrip(), kind
        return name, default

    def input_file(self, name: str) -> Path:
        """The file that a LoadImage value means. No containment check: ComfyUI has none either."""
        plain, kind = self.annotated(name, "input")
        return self.roots[kind] / plain

    def contains(self, kind: str, path: Path) -> bool:
        root = str(self.roots[kind])
        return os.path.commonpath((root, os.path.abspath(path))) == root

    def next_file(self, kind: str, prefix: str, extension: str, tail: str = "_") -> Tuple[Path, str, str]:
        """A fresh `prefix_00001_.ext`: (path, filename, subfolder). Counters follow from what is on disk."""
        subfolder, stem = os.path.split(os.path.normpath(prefix))
        directory = self.roots[kind] / subfolder
        if not self.contains(kind, directory):
            raise Exception("Saving image outside the output folder is not allowed.")
        directory.mkdir(parents=True, exist_ok=True)
        with self._lock:
            number, last = self._counters.get((str(directory), stem), (0, None))
            if last is None or not last.exists():
                number = self._highest(directory, stem)
            while True:
                number += 1
                name = f"{stem}_{number:05}{tail}.{extension}"
                path = directory / name
                if not path.exists():
                    break
            self._counters[(str(directory), stem)] = (number, path)
        return path, name, subfolder

    @staticmethod
    def _highest(directory: Path, stem: str) -> int:
        highest = 0
        for entry in os.scandir(directory):
            if entry.name.startswith(stem + "_"):
                found = _COUNTED.fullmatch(entry.name[len(stem):])
                if found:
                    highest = max(highest, int(found.group(1)))
        return highest
