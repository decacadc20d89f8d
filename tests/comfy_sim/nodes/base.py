"""What a node class is: its entry in /object_info and a function that runs it."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, Iterable, Optional, Tuple

from PIL import Image

from comfy_sim.folders import Folders
from comfy_sim.options import Options, Traits

#: name -> [type or list of choices, options]
Inputs = Dict[str, list]


class Interrupted(Exception):
    """Somebody asked to stop the running job and the job has looked."""


@dataclass
class Result:
    """What a node leaves: values for its output slots and, for some, an entry for the user interface."""

    values: Tuple[Any, ...] = ()
    ui: Optional[Dict[str, Any]] = None


class Running(abc.ABC):
    """What a node function may use while it runs. The executor implements it."""

    options: Options
    folders: Folders
    prompt: Dict[str, Any]
    prompt_id: str
    node_id: str
    extra_data: Dict[str, Any]

    @abc.abstractmethod
    def progress(self, value: float, maximum: float, preview: Optional[Image.Image] = None,
                 image_format: str = "JPEG") -> None:
        """Report progress. This is also the only moment at which an interrupt can take effect."""

    @abc.abstractmethod
    def sleep(self, seconds: float) -> None:
        """Pass time. Looks at no interrupt, but ends at once when the server's life ends."""

    @abc.abstractmethod
    def progress_text(self, text: str) -> None:
        """A binary text message (event 3)."""


@dataclass
class NodeClass:
    """One entry of the registry."""

    name: str
    run: Callable[..., Result]
    required: Inputs = field(default_factory=dict)
    optional: Inputs = field(default_factory=dict)
    hidden: Dict[str, str] = field(default_factory=dict)
    output: Tuple[str, ...] = ()
    output_name: Tuple[str, ...] = ()
    output_node: bool = False
    display_name: str = ""
    description: str = ""
    category: str = "image"
    python_module: str = "nodes"
    #: (folders, inputs) -> None or what is wrong; the custom validation of LoadImage
    validate: Optional[Callable[[Folders, Dict[str, Any]], Optional[Tuple[str, str]]]] = None
    #: (folders, inputs) -> something that differs when the node must run again
    fingerprint: Optional[Callable[[Folders, Dict[str, Any]], Any]] = None
    #: (folders) -> choices of the first required input, for lists that follow the disk
    choices: Optional[Callable[[Folders], list]] = None

    def info(self, folders: Folders, traits: Traits) -> Dict[str, Any]:
        """The class's entry in /object_info."""
        required = {key: list(value) for key, value in self.required.items()}
        if self.choices is not None:
            first = next(iter(required))
            required[first] = [self.choices(folders), *required[first][1:]]
        inputs: Dict[str, Any] = {"required": required}
        if self.optional:
            inputs["optional"] = self.optional
        if self.hidden:
            inputs["hidden"] = self.hidden
        entry: Dict[str, Any] = {
            "input": inputs,
            "input_order": {kind: list(names) for kind, names in inputs.items()},
            "output": list(self.output),
            "output_is_list": [False] * len(self.output),
            "output_name": list(self.output_name or self.output),
            "name": self.name,
            "display_name": self.display_name or self.name,
            "description": self.description,
            "python_module": self.python_module,
            "category": self.category,
            "output_node": self.output_node,
        }
        if traits.modern:
            entry["is_input_list"] = False
            entry["has_intermediate_output"] = False
            entry["search_aliases"] = []
        return entry


REGISTRY: Dict[str, NodeClass] = {}


def node(name: str, *aliases: str, **fields: Any) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register the decorated function as the body of node class `name` (and of its aliases)."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        for each in (name, *aliases):
            REGISTRY[each] = NodeClass(name=each, run=function, **fields)
        return function

    return register


_taken_out: Dict[str, NodeClass] = {}


def change_registry(add: Dict[str, Optional[str]], remove: Iterable[str]) -> None:
    """Custom nodes come and go: adds {name: the class it is like} (None: one that was removed before)."""
    for name in remove:
        _taken_out[name] = REGISTRY.pop(name)
    for name, like in add.items():
        known = {**_taken_out, **REGISTRY}[like or name]
        REGISTRY[name] = replace(known, name=name, display_name=name if like else known.display_name)


def integer(default: int, minimum: int, maximum: int, **options: Any) -> list:
    return ["INT", {"default": default, "min": minimum, "max": maximum, **options}]


def number(default: float, minimum: float, maximum: float, **options: Any) -> list:
    return ["FLOAT", {"default": default, "min": minimum, "max": maximum, **options}]


def text(default: str = "", **options: Any) -> list:
    return ["STRING", {"default": default, **options}]


def boolean(default: bool) -> list:
    return ["BOOLEAN", {"default": default}]


def seed() -> list:
    return integer(0, 0, 0xFFFFFFFFFFFFFFFF, control_after_generate=True)
