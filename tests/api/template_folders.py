"""Templates written for a test: small, and without any model.

    write_template(folder, "mine", title="Mine")
    write_template(folder, "mine", swaps={"/input/properties/width/x-comfy/title": "Nowhere"})
"""
import copy
import json
import pathlib

WORKFLOW = {
    "1": {"class_type": "EmptyImage", "_meta": {"title": "Picture"},
          "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "_meta": {"title": "Save"},
          "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
}

MANIFEST = {
    "manifest": 1, "title": "A plain picture", "description": "One colour.", "category": "other", "tags": ["test"],
    "input": {
        "type": "object", "additionalProperties": False,
        "properties": {
            "width": {"type": "integer", "minimum": 16, "maximum": 512, "default": 64, "description": "In pixels.",
                      "x-comfy": {"title": "Picture", "input": "width"}},
        },
    },
    "outputs": [{"title": "Save", "type": "image"}],
    "examples": [{"title": "Small", "input": {"width": 16}}],
}


def _put(document, pointer, value):
    *path, last = pointer.lstrip("/").split("/")
    for name in path:
        document = document[int(name)] if isinstance(document, list) else document[name]
    if value is None:
        del document[last]
    else:
        document[last] = value


def make(name, swaps=None, **members):
    """(manifest, workflow). `swaps`: JSON Pointers, those below /workflow into the workflow; None deletes."""
    manifest = {**copy.deepcopy(MANIFEST), "name": name, **members}
    whole = {"workflow": copy.deepcopy(WORKFLOW), "manifest": manifest}
    for pointer, value in (swaps or {}).items():
        _put(whole, pointer if pointer.startswith("/workflow/") else f"/manifest{pointer}", value)
    return whole["manifest"], whole["workflow"]


def write_template(folder, name, swaps=None, **members):
    """Writes <folder>/<name>/{manifest,workflow}.json; its path."""
    path = pathlib.Path(folder) / name
    path.mkdir(parents=True, exist_ok=True)
    manifest, workflow = make(name, swaps, **members)
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "workflow.json").write_text(json.dumps(workflow))
    return path
