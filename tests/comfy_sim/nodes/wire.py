"""The node classes of the recordings that have no Sim counterpart of the same shape, so that they can be replayed."""

from __future__ import annotations

from comfy_sim.nodes.base import Result, Running, integer, node, seed, text
from comfy_sim.nodes.image import Batch

_WIRE = {"category": "comfy-sim/recorded", "python_module": "custom_nodes.comfy_sim"}


@node("WireRaise", output=("IMAGE",), **_WIRE, required={"image": ["IMAGE", {}], "message": text("boom")})
def wire_raise(run: Running, image: Batch, message: str) -> Result:
    raise ValueError(message)


@node("WireSleepOut", output_node=True, **_WIRE, required={
    "image": ["IMAGE", {}], "ms": integer(500, 0, 600000), "seed": seed()})
def wire_sleep_out(run: Running, image: Batch, ms: int, seed: int) -> Result:
    run.sleep(ms / 1000)
    return Result(ui={"text": ["slept"]})


@node("WireText", output_node=True, output=("STRING",), **_WIRE, required={"text": text("x")})
def wire_text(run: Running, text: str) -> Result:
    if text == "nan":
        return Result((text,), {"text": ["x"], "score": [float("nan"), float("inf")]})
    return Result((text,), {"text": [text]})


@node("WireProgressText", output=("IMAGE",), **_WIRE, required={"image": ["IMAGE", {}], "text": text()})
def wire_progress_text(run: Running, image: Batch, text: str) -> Result:
    run.progress_text(text)
    return Result((image,))


@node("WireBlockFinish", output_node=True, **_WIRE, required={"image": ["IMAGE", {}]})
def wire_block_finish(run: Running, image: Batch) -> Result:
    """Several output keys at once, one of them a file under `gifs`, one of no known meaning."""
    path = run.folders.roots["output"] / "vid" / "a.gif"
    path.parent.mkdir(exist_ok=True)
    image[0].save(path, save_all=True, append_images=image[1:])
    return Result(ui={"gifs": [{"filename": "a.gif", "subfolder": "vid", "type": "output", "format": "image/gif",
                                "frame_rate": 8.0}], "text": ["t1", "t2"], "any_key": [1, 2.5, {"x": None}]})
