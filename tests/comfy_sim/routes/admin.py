"""/sim/*: what tests use to look into comfy-sim and to break it. Never counted, never faulted."""

from __future__ import annotations

import uuid
from typing import Any, Dict

from aiohttp import web

from comfy_sim.execution import now_ms
from comfy_sim.faults import BadPlan
from comfy_sim.nodes import REGISTRY, change_registry
from comfy_sim.nodes.model import MODELS
from comfy_sim.routes.base import Route, life_of, sim_of


async def _body(request: web.Request) -> Dict[str, Any]:
    return await request.json() if request.can_read_body else {}


async def get_log(request: web.Request) -> web.Response:
    life = life_of(request)
    newest = request.query.get("prompts")
    summary = sim_of(request).journal.summary(int(newest) if newest is not None else None)
    summary.update(worker_alive=life.worker_alive, queue_running=len(life.queue.running_items()),
                   queue_pending=len(life.queue.pending_items()), history=len(life.queue.history()))
    return web.json_response(summary)


async def get_raw_of_prompt(request: web.Request) -> web.Response:
    raw = sim_of(request).journal.raw_of_prompt(request.match_info["prompt_id"])
    return web.Response(status=404) if raw is None else web.Response(body=raw, content_type="application/json")


async def get_posts(request: web.Request) -> web.Response:
    return web.json_response(list(sim_of(request).journal.posts.values()))


async def get_raw_of_post(request: web.Request) -> web.Response:
    number = int(request.match_info["number"])
    journal = sim_of(request).journal
    if number not in journal.posts:
        return web.Response(status=404)
    return web.Response(body=journal.raw(number), content_type="application/json")


async def get_faults(request: web.Request) -> web.Response:
    return web.json_response(sim_of(request).faults.describe())


async def post_faults(request: web.Request) -> web.Response:
    try:
        sim_of(request).faults.replace(await request.json())
    except BadPlan as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response(sim_of(request).faults.describe())


async def delete_faults(request: web.Request) -> web.Response:
    sim_of(request).faults.replace({})
    return web.json_response({})


async def restart(request: web.Request) -> web.Response:
    """Answers first; then the port refuses for down_ms."""
    body = await _body(request)
    sim_of(request).restart_soon(body.get("down_ms", 0), 0.02)
    return web.json_response({"restarting": True})


async def kill_worker(request: web.Request) -> web.Response:
    life_of(request).kill_worker()
    return web.json_response({"worker": "dying"})


async def revive_worker(request: web.Request) -> web.Response:
    life_of(request).start_worker()
    return web.json_response({"worker": "alive"})


async def foreign(request: web.Request) -> web.Response:
    """Jobs that somebody else queued: {count, steps, ms, client_id, number}."""
    life = life_of(request)
    body = await _body(request)
    prompt_ids = []
    for _ in range(body.get("count", 1)):
        prompt_id = str(uuid.uuid4())
        prompt = {"1": {"class_type": "SimSteps", "inputs": {
            "steps": body.get("steps", 5), "ms": body.get("ms", 50), "previews": body.get("previews", True),
            "seed": uuid.uuid4().int & 0xFFFFFFFF, "text": "a foreign job"}},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
        extra_data: Dict[str, Any] = {"create_time": now_ms()}
        if body.get("client_id", "foreign") is not None:
            extra_data["client_id"] = body.get("client_id", "foreign")
        number = body.get("number", life.number)
        life.number += 1
        post = life.journal.post_arrived(b"")
        life.journal.post_answered(post, "foreign", prompt_id)
        life.journal.accepted(post, prompt_id, number, extra_data)
        life.queue.put((number, prompt_id, prompt, extra_data, ["2"], post))
        prompt_ids.append(prompt_id)
    return web.json_response({"prompt_ids": prompt_ids})


async def history_forget(request: web.Request) -> web.Response:
    life_of(request).queue.forget((await request.json())["prompt_id"])
    return web.json_response({})


async def ws_drop(request: web.Request) -> web.Response:
    body = await _body(request)
    return web.json_response({"dropped": life_of(request).sockets.cut_all(body.get("client_id"))})


async def speed(request: web.Request) -> web.Response:
    options = sim_of(request).options
    body = await request.json()
    options.steps = body.get("steps", options.steps)
    options.step_ms = body.get("step_ms", options.step_ms)
    return web.json_response({"steps": options.steps, "step_ms": options.step_ms})


async def change_models(request: web.Request) -> web.Response:
    """Files in the folders of models, as a user puts them there: {folder: [names]}, in place of what was there."""
    body = await request.json()
    if not set(body) <= set(MODELS):
        return web.json_response({"error": f"unknown folder; known: {', '.join(MODELS)}"}, status=400)
    for folder, names in body.items():
        MODELS[folder][:] = names
    return web.json_response(MODELS)


async def change_nodes(request: web.Request) -> web.Response:
    """Classes of nodes: {add: {name: like}, remove: [names]}. Not while a prompt runs that has one of them."""
    body = await request.json()
    try:
        change_registry(body.get("add", {}), body.get("remove", []))
    except KeyError as error:
        return web.json_response({"error": f"unknown class {error}"}, status=400)
    return web.json_response(sorted(REGISTRY))


ROUTES = [
    Route("GET", "/sim/log", get_log),
    Route("GET", "/sim/prompts/{prompt_id}/raw", get_raw_of_prompt),
    Route("GET", "/sim/posts", get_posts),
    Route("GET", "/sim/posts/{number}/raw", get_raw_of_post),
    Route("GET", "/sim/faults", get_faults),
    Route("POST", "/sim/faults", post_faults),
    Route("DELETE", "/sim/faults", delete_faults),
    Route("POST", "/sim/restart", restart),
    Route("POST", "/sim/kill-worker", kill_worker),
    Route("POST", "/sim/revive-worker", revive_worker),
    Route("POST", "/sim/foreign", foreign),
    Route("POST", "/sim/history-forget", history_forget),
    Route("POST", "/sim/ws-drop", ws_drop),
    Route("POST", "/sim/speed", speed),
    Route("POST", "/sim/models", change_models),
    Route("POST", "/sim/nodes", change_nodes),
]
