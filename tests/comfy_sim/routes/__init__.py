"""HTTP routes. Each module has a `ROUTES` table; ComfyUI serves every one with and without the prefix /api."""

from __future__ import annotations

from aiohttp import web

from comfy_sim.options import Traits
from comfy_sim.routes import admin, files, info, jobs, prompts, ws
from comfy_sim.routes.base import Route


def add_routes(app: web.Application, traits: Traits) -> None:
    tables = [prompts.ROUTES, files.ROUTES, info.ROUTES, ws.ROUTES]
    both = [Route(route.method, prefix + route.path, route.handler)
            for table in tables for route in table for prefix in ("", "/api")]
    for route in [*both, *jobs.routes(traits), *admin.ROUTES]:
        if route.method == "GET":
            app.router.add_get(route.path, route.handler)  # serves HEAD as well
        else:
            app.router.add_route(route.method, route.path, route.handler)
    app.router.add_get("/{path:.*}", info.unknown)
