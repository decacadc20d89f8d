"""What the server says about itself: /system_stats, /features, /object_info, /models, /embeddings, ..."""

from __future__ import annotations

import sys
from typing import Any, Dict

from aiohttp import web

from comfy_sim.nodes import REGISTRY
from comfy_sim.nodes.model import EMBEDDINGS, MODELS
from comfy_sim.options import Options
from comfy_sim.routes.base import Route, life_of, sim_of

_MEMORY = 24 * 1024 ** 3


def feature_flags(options: Options) -> Dict[str, Any]:
    limit = 100 * 1024 ** 2 if options.max_upload_mib is None else float(options.max_upload_mib * 1024 ** 2)
    flags: Dict[str, Any] = {"supports_preview_metadata": True, "max_upload_size": limit}
    if options.traits.modern:
        flags.update(supports_model_type_tags=True, extension={"manager": {"supports_v4": True}},
                     node_replacements=True, assets=False)
    return flags


async def system_stats(request: web.Request) -> web.Response:
    options = sim_of(request).options
    system = {
        "os": "linux (comfy-sim, a simulator)" if options.traits.modern else "posix (comfy-sim, a simulator)",
        "ram_total": _MEMORY, "ram_free": _MEMORY * 3 // 4,
        "comfyui_version": options.comfyui_version,
        "required_frontend_version": "comfy-sim",
        "python_version": sys.version.replace("\n", ""),
        "pytorch_version": "comfy-sim",
        "embedded_python": False,
        "argv": ["comfy-sim", *options.argv],
    }
    device = {"name": "comfy-sim (draws, does not compute)", "type": "cpu", "index": None, "vram_total": _MEMORY,
              "vram_free": _MEMORY * 3 // 4, "torch_vram_total": _MEMORY, "torch_vram_free": _MEMORY * 3 // 4}
    return web.json_response({"system": system, "devices": [device]})


async def features(request: web.Request) -> web.Response:
    return web.json_response(feature_flags(sim_of(request).options))


async def object_info(request: web.Request) -> web.Response:
    life = life_of(request)
    return web.json_response({name: entry.info(life.folders, life.traits) for name, entry in REGISTRY.items()})


async def object_info_of(request: web.Request) -> web.Response:
    life = life_of(request)
    name = request.match_info["name"]
    entry = REGISTRY.get(name)
    return web.json_response({name: entry.info(life.folders, life.traits)} if entry else {})


async def models(request: web.Request) -> web.Response:
    return web.json_response(list(MODELS))


async def models_of(request: web.Request) -> web.Response:
    names = MODELS.get(request.match_info["folder"])
    return web.Response(status=404) if names is None else web.json_response(names)


async def embeddings(request: web.Request) -> web.Response:
    return web.json_response(EMBEDDINGS)


async def extensions(request: web.Request) -> web.Response:
    return web.json_response([])


async def users(request: web.Request) -> web.Response:
    return web.json_response({"storage": "server", "migrated": False})


async def unknown(request: web.Request) -> web.StreamResponse:
    """The original's handler for its web pages: 404 without a body, but chunked."""
    response = web.StreamResponse(status=404, headers={"Content-Type": "application/octet-stream"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write_eof()
    return response


ROUTES = [
    Route("GET", "/system_stats", system_stats),
    Route("GET", "/features", features),
    Route("GET", "/object_info", object_info),
    Route("GET", "/object_info/{name}", object_info_of),
    Route("GET", "/models", models),
    Route("GET", "/models/{folder}", models_of),
    Route("GET", "/embeddings", embeddings),
    Route("GET", "/extensions", extensions),
    Route("GET", "/users", users),
]
