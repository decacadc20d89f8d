"""Small workflows for tests, in ComfyUI's API format.

`mark` is written into a node's title: it travels to the double untouched, so a fault plan can say `match`: mark and
strike one job among many.
"""
import itertools

_seeds = itertools.count(1)


def picture(mark="", color=None, prefix="test"):
    """Done at once: a plain square."""
    return {
        "1": {"class_type": "EmptyImage", "_meta": {"title": mark},
              "inputs": {"width": 16, "height": 16, "batch_size": 1,
                         "color": next(_seeds) % 0xFFFFFF if color is None else color}},
        "2": save("1", prefix),
    }


def steps(count=5, ms=40, mark="", previews=False, seed=None, prefix="test"):
    """Takes count * ms, reports every step and can be interrupted at each."""
    return {
        "1": {"class_type": "SimSteps", "_meta": {"title": mark},
              "inputs": {"steps": count, "ms": ms, "previews": previews, "width": 64, "height": 64,
                         "seed": next(_seeds) if seed is None else seed}},
        "2": save("1", prefix),
    }


def sleep(ms, mark="", seed=None):
    """Takes ms and reports nothing meanwhile: an interrupt waits for its end."""
    return {
        "1": {"class_type": "SimSleep", "_meta": {"title": mark},
              "inputs": {"ms": ms, "seed": next(_seeds) if seed is None else seed}},
        "2": save("1", "test"),
    }


def failing(exception_type="ValueError", message="boom", mark=""):
    """Its middle node raises."""
    return {
        "1": {"class_type": "EmptyImage", "_meta": {"title": mark},
              "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": next(_seeds) % 0xFFFFFF}},
        "2": {"class_type": "SimFail", "_meta": {"title": "The bad one"},
              "inputs": {"exception_type": exception_type, "message": message, "image": ["1", 0]}},
        "3": save("2", "test"),
    }


def interrupting(mark=""):
    """Ends as if somebody had pressed the stop button in ComfyUI."""
    return {
        "1": {"class_type": "SimSteps", "_meta": {"title": mark},
              "inputs": {"steps": 1, "ms": 0, "previews": False, "width": 64, "height": 64, "seed": next(_seeds)}},
        "2": {"class_type": "SimInterrupt", "inputs": {"image": ["1", 0]}},
        "3": save("2", "test"),
    }


def lists(entries, mark=""):
    """A node that lists `entries` (JSON text) as its output, whatever that is."""
    return {"1": {"class_type": "SimNames", "_meta": {"title": mark}, "inputs": {"entries": entries}}}


def save(node, prefix):
    return {"class_type": "SaveImage", "inputs": {"images": [node, 0], "filename_prefix": prefix}}
