"""/prompt, /queue, /history, /interrupt, /free."""

from __future__ import annotations

import json
import uuid
from typing import Any, Dict, Optional

from aiohttp import web

from comfy_sim.execution import now_ms
from comfy_sim.faults import Subject
from comfy_sim.routes.base import Cut, Route, life_of, sim_of
from comfy_sim.validate import Validator, whole_error

_SECRET_KEYS = ("auth_token_comfy_org", "api_key_comfy_org")
_BAD_ID = ("prompt_id must be a UUID string in canonical lowercase hyphenated form; "
           "omit it to let the server generate one")


async def get_prompt(request: web.Request) -> web.Response:
    return web.json_response(life_of(request).status())


def _refusal(error: Dict[str, Any], node_errors: Optional[dict] = None, status: int = 400) -> web.Response:
    return web.json_response({"error": error, "node_errors": node_errors or {}}, status=status)


def _canonical_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


async def post_prompt(request: web.Request) -> web.Response:
    raw = await request.read()
    journal = life_of(request).journal
    post = journal.post_arrived(raw)
    status: Any = 500
    prompt_id: Optional[str] = None
    try:
        response, prompt_id = await _submit(request, post, raw)
        status = response.status
        return response
    except Cut:
        status = "cut"
        raise
    finally:
        known = prompt_id or request.get("queued_as")
        journal.post_answered(post, status, known)


async def _submit(request: web.Request, post: int, raw: bytes) -> tuple:
    life = life_of(request)
    body = await request.json()
    if "number" in body:
        number: Any = float(body["number"])
    else:
        in_front = "front" in body and body["front"]
        number = -life.number if in_front else life.number
        life.number += 1
    if "prompt" not in body:
        return _refusal(whole_error("no_prompt", "No prompt provided", "No prompt provided")), None
    prompt_id = str(uuid.uuid4())
    if life.traits.own_prompt_id:
        wanted = body.get("prompt_id", None if life.traits.uuid_prompt_id else prompt_id)
        if life.traits.uuid_prompt_id:
            if wanted is not None and not _canonical_uuid(wanted):
                return _refusal(whole_error("invalid_prompt_id", "prompt_id must be a valid UUID", _BAD_ID)), None
            prompt_id = wanted or prompt_id
        else:
            prompt_id = str(wanted)
    subject = Subject(prompt_id, raw)
    _before_queueing(life, subject)
    refused = life.faults.strike("prompt_refuse", subject)
    if refused:
        error = whole_error(refused.get("type", "invalid_prompt"), refused.get("message", "refused by a fault plan"))
        return _refusal(error, refused.get("node_errors"), refused.get("status", 400)), None

    prompt = body["prompt"]
    verdict = Validator(prompt, life.folders, life.traits).check(body.get("partial_execution_targets"))
    if verdict.error is not None:
        return _refusal(verdict.error, verdict.node_errors), None
    extra_data = _extra_data(body, life.traits.create_time)
    outputs = verdict.outputs
    if life.options.shuffle_outputs:
        outputs = list(set(outputs))
    request["queued_as"] = prompt_id
    life.journal.accepted(post, prompt_id, number, extra_data)
    life.queue.put((number, prompt_id, prompt, extra_data, outputs, post))
    _after_queueing(life, subject)
    node_errors = verdict.node_errors
    if life.faults.strike("node_errors_with_200", subject):
        node_errors = {**node_errors, "99": {
            "errors": [whole_error("required_input_missing", "Required input is missing", "images",
                                   {"input_name": "images"})],
            "dependent_outputs": ["99"], "class_type": "SaveImage"}}
    return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": node_errors}), prompt_id


def _extra_data(body: Dict[str, Any], create_time: bool) -> Dict[str, Any]:
    extra_data = body.get("extra_data", {})
    if "client_id" in body:
        extra_data["client_id"] = body["client_id"]
    for key in _SECRET_KEYS:
        extra_data.pop(key, None)
    if create_time:
        extra_data["create_time"] = now_ms()
    return extra_data


def _before_queueing(life: Any, subject: Subject) -> None:
    if life.faults.strike("prompt_reply_lost_before", subject):
        raise Cut("close")


def _after_queueing(life: Any, subject: Subject) -> None:
    life.crash_point("accepted", subject)
    if life.faults.strike("prompt_reply_lost", subject):
        raise Cut("close")


async def get_queue(request: web.Request) -> web.Response:
    queue = life_of(request).queue
    return web.json_response({
        "queue_running": [queue.shown(item) for item in queue.running_items()],
        "queue_pending": [queue.shown(item) for item in queue.pending_items()],
    })


async def post_queue(request: web.Request) -> web.Response:
    life = life_of(request)
    body = await request.json()
    removed = []
    if "clear" in body and body["clear"]:
        removed += life.queue.clear()
    if "delete" in body:
        for prompt_id in body["delete"]:
            removed += life.queue.delete(prompt_id)
    for item in removed:
        life.journal.removed(item[5], item[1])
    return web.Response(status=200)


async def get_history(request: web.Request) -> web.Response:
    max_items = request.query.get("max_items")
    offset = request.query.get("offset")
    entries = life_of(request).queue.history(
        max_items=int(max_items) if max_items is not None else None,
        offset=int(offset) if offset is not None else -1)
    return web.json_response(entries)


async def get_history_of(request: web.Request) -> web.Response:
    return web.json_response(life_of(request).queue.history(request.match_info["prompt_id"]))


async def post_history(request: web.Request) -> web.Response:
    queue = life_of(request).queue
    body = await request.json()
    if "clear" in body and body["clear"]:
        queue.forget_all()
    if "delete" in body:
        for prompt_id in body["delete"]:
            queue.forget(prompt_id)
    return web.Response(status=200)


async def post_interrupt(request: web.Request) -> web.Response:
    life = life_of(request)
    try:
        body = await request.json()
    except json.JSONDecodeError:
        body = {}
    prompt_id = body.get("prompt_id")
    if not prompt_id or not life.traits.targeted_interrupt:
        life.interrupt()
    elif any(item[1] == prompt_id for item in life.queue.running_items()):
        life.interrupt()
    return web.Response(status=200)


async def post_free(request: web.Request) -> web.Response:
    life = life_of(request)
    body = await request.json()
    for name in ("unload_models", "free_memory"):
        if body.get(name, False):
            life.queue.set_flag(name, True)
    sim_of(request).journal.note("free", **{key: body.get(key) for key in ("unload_models", "free_memory")})
    return web.Response(status=200)


ROUTES = [
    Route("GET", "/prompt", get_prompt),
    Route("POST", "/prompt", post_prompt),
    Route("GET", "/queue", get_queue),
    Route("POST", "/queue", post_queue),
    Route("GET", "/history", get_history),
    Route("GET", "/history/{prompt_id}", get_history_of),
    Route("POST", "/history", post_history),
    Route("POST", "/interrupt", post_interrupt),
    Route("POST", "/free", post_free),
]
