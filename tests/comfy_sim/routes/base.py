"""What the route modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Awaitable, Callable, NamedTuple

from aiohttp import web

if TYPE_CHECKING:
    from comfy_sim.life import Life
    from comfy_sim.server import Sim

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One line of a route table. GET serves HEAD too."""

    method: str
    path: str
    handler: Handler


def sim_of(request: web.Request) -> "Sim":
    return request.app["sim"]


def life_of(request: web.Request) -> "Life":
    return request.app["sim"].life


class Cut(web.HTTPException):
    """Raised to end the connection without an answer."""

    status_code = 500

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
