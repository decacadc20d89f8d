"""What a run of comfy-sim was asked to be: command line values and what follows from the version it imitates."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Tuple

Version = Tuple[int, int, int]


def parse_version(text: str) -> Version:
    """`0.33` -> (0, 33, 0). ComfyUI has always had at most three numbers."""
    parts = [int(part) for part in text.split(".")]
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"not a ComfyUI version: {text!r}")
    return (parts + [0, 0])[0], (parts + [0, 0])[1], (parts + [0, 0])[2]


@dataclass(frozen=True)
class Traits:
    """How the imitated release behaves. "After X" means: X itself does not have it yet."""

    version: Version

    def after(self, *version: int) -> bool:
        return self.version > tuple(version)

    @property
    def own_prompt_id(self) -> bool:
        """The caller's prompt_id is honoured (older servers ignore it and make their own)."""
        return self.after(0, 3, 44)

    @property
    def preview_metadata(self) -> bool:
        return self.after(0, 3, 44)

    @property
    def targeted_interrupt(self) -> bool:
        """/interrupt looks at prompt_id (older servers stop whatever runs)."""
        return self.after(0, 3, 56)

    @property
    def create_time(self) -> bool:
        return self.after(0, 3, 68)

    @property
    def modern(self) -> bool:
        """Changes between 0.3.64 and 0.33.0 whose first release is not known."""
        return self.after(0, 3, 99)

    @property
    def jobs_api(self) -> bool:
        return self.after(0, 5, 1)

    @property
    def missing_node_type(self) -> bool:
        return self.after(0, 11, 1)

    @property
    def fetch_site_check(self) -> bool:
        return self.after(0, 18, 1)

    @property
    def dependency_cycle(self) -> bool:
        return self.after(0, 19, 3)

    @property
    def uuid_prompt_id(self) -> bool:
        return self.after(0, 24, 0)

    @property
    def jobs_cancel(self) -> bool:
        return self.after(0, 25, 0)


@dataclass
class Options:
    """The command line, after defaults."""

    host: str = "127.0.0.1"
    port: int = 8188
    comfyui_version: str = "0.33.0"
    steps: Optional[int] = None
    step_ms: float = 60.0
    base_dir: Optional[Path] = None
    output_dir: Optional[Path] = None
    input_dir: Optional[Path] = None
    temp_dir: Optional[Path] = None
    log_file: Optional[Path] = None
    max_upload_mib: Optional[float] = None
    disable_metadata: bool = False
    shuffle_outputs: bool = False
    keep: int = 20000
    exit_with_parent: bool = False
    faults: Any = None
    argv: list = field(default_factory=list)

    @property
    def traits(self) -> Traits:
        return Traits(parse_version(self.comfyui_version))

    @property
    def max_body(self) -> int:
        return int((self.max_upload_mib or 100) * 1024 * 1024)
