"""What ComfyUI's node classes take, and whether a graph keeps to it."""
import json
import pathlib
import re

SIGNATURES = json.loads((pathlib.Path(__file__).parent / "node_signatures.json").read_text())


class Number(str):
    """A number as it was written; no text is equal to it."""

    def __eq__(self, other):
        return isinstance(other, Number) and str(self) == str(other)

    __hash__ = str.__hash__


def plain(value):
    if isinstance(value, Number):
        return float(value) if re.search("[.eE]", value) else int(value)
    return value


def check_value(kind, value, where):
    name, *rest = kind if isinstance(kind, list) else [kind]
    if name == "COMBO":
        assert isinstance(value, str) and not isinstance(value, Number) and (not rest or value in rest), where
    elif name in ("INT", "FLOAT"):
        assert isinstance(value, Number) and (name == "FLOAT" or re.fullmatch("-?[0-9]+", value)), where
        assert rest[0] <= plain(value) <= rest[1], where
    elif name == "STRING":
        assert isinstance(value, str) and not isinstance(value, Number), where
    elif name == "BOOLEAN":
        assert isinstance(value, bool), where
    else:
        raise AssertionError(f"{where} must be a link")


def check_signatures(graph):
    for node, entry in graph.nodes.items():
        signature = SIGNATURES[entry["class_type"]]
        needed = {**signature["required"], **signature.get("required_later", {})}
        known = {**needed, **signature.get("optional", {})}
        inputs = entry["inputs"]
        assert set(needed) <= set(inputs) <= set(known), (node, entry["class_type"], set(inputs) ^ set(needed))
        for name in inputs:
            where = f"{node}.{name} of {entry['class_type']}: {inputs[name]!r:.80}"
            source = graph.link(node, name)
            kind = known[name][0] if isinstance(known[name], list) else known[name]
            if source is None:
                check_value(known[name], inputs[name], where)
                continue
            assert source[0] in graph.nodes, where
            outputs = SIGNATURES[graph.nodes[source[0]]["class_type"]]["output"]
            assert source[1] < len(outputs) and outputs[source[1]] == kind, where
