"""Is a prompt fit to be queued? The checks of POST /prompt and the wording of their answers.

One walk from each output node over its inputs. An output is good when nothing on its walk is wrong; good outputs
run even when others are bad, and the bad ones are listed in `node_errors` of the 200.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from comfy_sim.folders import Folders
from comfy_sim.nodes import REGISTRY, NodeClass
from comfy_sim.options import Traits

#: deeper chains end in a RecursionError inside ComfyUI
MAX_DEPTH = 970

#: what happens to literal values, by the declared type of their input
_CONVERTERS = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}

Error = Dict[str, Any]


@dataclass
class Verdict:
    """Outcome for a whole prompt: `error` set means 400."""

    error: Optional[Error] = None
    outputs: List[str] = field(default_factory=list)
    node_errors: Dict[str, Any] = field(default_factory=dict)


def whole_error(kind: str, message: str, details: str = "", extra_info: Optional[dict] = None) -> Error:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info or {}}


def is_link(value: Any) -> bool:
    return isinstance(value, list)


def _fits(received: str, wanted: Any) -> bool:
    if isinstance(wanted, list) or wanted == "COMBO":
        return received == "COMBO" or received == "*"
    return received == wanted or "*" in (received, wanted)


class Validator:
    """Checks one prompt. Converts literal values in place, as the original does."""

    def __init__(self, prompt: Dict[str, Any], folders: Folders, traits: Traits) -> None:
        self._prompt = prompt
        self._folders = folders
        self._traits = traits
        self._done: Dict[str, List[Error]] = {}
        self._good: Dict[str, bool] = {}

    def check(self, targets: Optional[List[str]] = None) -> Verdict:
        outputs: List[str] = []
        if self._traits.modern:
            self._prompt.items()  # a list is an unhandled error (500) in newer releases
        for node_id in self._prompt:
            refusal = self._class_missing(node_id)
            if refusal is not None:
                return Verdict(error=refusal)
            if REGISTRY[self._prompt[node_id]["class_type"]].output_node and (targets is None or node_id in targets):
                outputs.append(node_id)
        if not outputs:
            return Verdict(error=whole_error("prompt_no_outputs", "Prompt has no outputs"))
        return self._check_outputs(outputs)

    def _class_missing(self, node_id: str) -> Optional[Error]:
        body = self._prompt[node_id]
        if "class_type" not in body:
            if not self._traits.missing_node_type:
                return whole_error("invalid_prompt",
                                   "Cannot execute because a node is missing the class_type property.",
                                   f"Node ID '#{node_id}'")
            title = body.get("_meta", {}).get("title") or f"ID #{node_id}"
            return whole_error(
                "missing_node_type",
                f"Node '{title}' has no class_type. The workflow may be corrupted or a custom node is missing.",
                f"Node ID '#{node_id}'",
                {"node_id": node_id, "class_type": None, "node_title": body.get("_meta", {}).get("title")})
        name = body["class_type"]
        if name in REGISTRY:
            return None
        if not self._traits.missing_node_type:
            return whole_error("invalid_prompt", f"Cannot execute because node {name} does not exist.",
                               f"Node ID '#{node_id}'")
        title = body.get("_meta", {}).get("title") or name
        return whole_error("missing_node_type", f"Node '{title}' not found. The custom node may not be installed.",
                           f"Node ID '#{node_id}'", {"node_id": node_id, "class_type": name, "node_title": title})

    def _check_outputs(self, outputs: List[str]) -> Verdict:
        verdict = Verdict()
        reasons: List[str] = []
        for output in outputs:
            visited: List[str] = []
            if self._walk(output, (), visited):
                verdict.outputs.append(output)
                continue
            reasons += [f"{error['message']}: {error['details']}" for error in self._done.get(output, [])
                        if error["type"] != "dependency_cycle"]
            for node_id in visited:
                if self._done.get(node_id):
                    entry = verdict.node_errors.setdefault(node_id, {
                        "errors": self._done[node_id], "dependent_outputs": [],
                        "class_type": self._prompt[node_id]["class_type"]})
                    entry["dependent_outputs"].append(output)
        if not verdict.outputs:
            verdict.error = whole_error("prompt_outputs_failed_validation", "Prompt outputs failed validation",
                                        "\n".join(reasons))
        return verdict

    def _walk(self, node_id: str, path: Tuple[str, ...], visited: List[str]) -> bool:
        """Depth first with an own stack depth check; true if the node and all before it are good."""
        visited.append(node_id)
        if node_id in self._good:
            for upstream in self._upstream(node_id):
                if upstream not in visited:
                    self._walk(upstream, path + (node_id,), visited)
            return self._good[node_id]
        errors: List[Error] = []
        good = True
        try:
            good = self._inputs(node_id, path, visited, errors)
        except (KeyError, IndexError, AttributeError, TypeError) as error:
            errors.append(self._exception("exception_during_validation", "Exception when validating node", error))
        self._done[node_id] = errors + self._done.get(node_id, [])
        self._good[node_id] = good and not self._done[node_id]
        return self._good[node_id]

    def _upstream(self, node_id: str) -> List[str]:
        inputs = self._prompt[node_id].get("inputs", {})
        return [value[0] for value in inputs.values()
                if is_link(value) and len(value) == 2 and value[0] in self._prompt]

    @staticmethod
    def _exception(kind: str, message: str, error: BaseException, **extra: Any) -> Error:
        text = str(error)
        return whole_error(kind, message, text, {
            **extra, "exception_type": type(error).__name__, "traceback": ["  File \"comfy-sim/validate.py\"\n"]})

    def _inputs(self, node_id: str, path: Tuple[str, ...], visited: List[str], errors: List[Error]) -> bool:
        body = self._prompt[node_id]
        inputs = body["inputs"]
        node_class = REGISTRY[body["class_type"]]
        good = True
        for name, spec in {**node_class.required, **node_class.optional}.items():
            if name not in inputs:
                if name in node_class.required:
                    errors.append(whole_error("required_input_missing", "Required input is missing", name,
                                              {"input_name": name}))
                continue
            if is_link(inputs[name]):
                good = self._link(node_id, name, spec, path, visited, errors) and good
            else:
                self._literal(node_class, inputs, name, spec, errors)
        if node_class.validate is not None and not errors:
            wrong = node_class.validate(self._folders, inputs)
            if wrong is not None:
                errors.append(whole_error("custom_validation_failed", "Custom validation failed for node",
                                          f"{wrong[0]} - {wrong[1]}", {"input_name": wrong[0]}))
        return good

    def _link(self, node_id: str, name: str, spec: list, path: Tuple[str, ...], visited: List[str],
              errors: List[Error]) -> bool:
        value = self._prompt[node_id]["inputs"][name]
        info = {"input_name": name, "input_config": self._config(spec)}
        if len(value) != 2:
            errors.append(whole_error(
                "bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]", name,
                {**info, "received_value": value}))
            return False
        source, slot = value
        received = REGISTRY[self._prompt[source]["class_type"]].output[slot]
        if not _fits(received, spec[0]):
            errors.append(whole_error(
                "return_type_mismatch", "Return type mismatch between linked nodes",
                f"{name}, received_type({received}) mismatch input_type({spec[0]})",
                {**info, "received_type": received, "linked_node": value}))
            return False
        if source in path or source == node_id:
            return self._cycle(path + (node_id,), source)
        if len(path) > MAX_DEPTH:
            errors.append(self._exception(
                "exception_during_inner_validation", "Exception when validating inner node",
                RecursionError("maximum recursion depth exceeded"), **info, linked_node=value))
            return False
        return self._walk(source, path + (node_id,), visited)

    def _cycle(self, path: Tuple[str, ...], source: str) -> bool:
        """Newer releases name the nodes of a cycle; older ones refuse without a word."""
        if self._traits.dependency_cycle:
            nodes = list(path[path.index(source):])
            names = " -> ".join(f"{each} ({self._prompt[each]['class_type']})" for each in nodes + [source])
            for each in nodes:
                self._done.setdefault(each, []).append(whole_error(
                    "dependency_cycle", "Dependency cycle detected", names,
                    {"node_id": each, "cycle_nodes": nodes}))
        return False

    @staticmethod
    def _config(spec: list) -> list:
        return [spec[0], spec[1] if len(spec) > 1 else {}]

    def _literal(self, node_class: NodeClass, inputs: Dict[str, Any], name: str, spec: list,
                 errors: List[Error]) -> None:
        kind, options = self._config(spec)
        value = inputs[name]
        info = {"input_name": name, "input_config": [kind, options]}
        converter = _CONVERTERS.get(kind) if isinstance(kind, str) else None
        if converter is not None:
            try:
                value = inputs[name] = converter(value)
            except (ValueError, TypeError, OverflowError) as error:
                errors.append(whole_error(
                    "invalid_input_type", f"Failed to convert an input value to a {kind} value",
                    f"{name}, {value}, {error}", {**info, "received_value": value, "exception_message": str(error)}))
                return
        if kind in ("INT", "FLOAT"):
            self._range(name, value, options, info, errors)
            return
        choices = options.get("options") if kind == "COMBO" else kind
        if isinstance(choices, list) and node_class.validate is None and value not in choices:
            errors.append(whole_error("value_not_in_list", "Value not in list", f"{name}: {value!r} not in {choices}",
                                      {**info, "received_value": value}))

    @staticmethod
    def _range(name: str, value: Any, options: dict, info: dict, errors: List[Error]) -> None:
        if "min" in options and value < options["min"]:
            errors.append(whole_error("value_smaller_than_min", f"Value {value} smaller than min of {options['min']}",
                                      name, {**info, "received_value": value}))
        elif "max" in options and value > options["max"]:
            errors.append(whole_error("value_bigger_than_max", f"Value {value} bigger than max of {options['max']}",
                                      name, {**info, "received_value": value}))
