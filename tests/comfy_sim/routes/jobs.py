"""/api/jobs of newer releases: the same queue and history in another form."""

from __future__ import annotations

import json
import uuid
from typing import Any, Dict, List, Optional

from aiohttp import web

from comfy_sim.life import Life
from comfy_sim.options import Traits
from comfy_sim.routes.base import Route, life_of

_STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")
_PREVIEWABLE = ("images", "video", "gifs", "audio", "3d")


def _bad(text: str, **more: Any) -> web.Response:
    return web.json_response({"error": text, **more}, status=400)


def _base(item: list, status: str) -> Dict[str, Any]:
    job: Dict[str, Any] = {"id": item[1], "status": status, "priority": item[0]}
    if "create_time" in item[3]:
        job["create_time"] = item[3]["create_time"]
    return job


def _queued(item: list, status: str) -> Dict[str, Any]:
    return {**_base(item, status), "outputs_count": 0, "previewable_outputs_count": 0, **_workflow_id(item)}


def _workflow_id(item: list) -> Dict[str, Any]:
    workflow = (item[3].get("extra_pnginfo") or {}).get("workflow") or {}
    return {"workflow_id": workflow["id"]} if workflow.get("id") else {}


def _finished(entry: Dict[str, Any], full: bool) -> Dict[str, Any]:
    item, status = entry["prompt"], entry["status"]
    messages = status["messages"]
    last_type, last = messages[-1]
    kind = {"execution_success": "completed", "execution_interrupted": "cancelled"}.get(last_type, "failed")
    job = _base(item, kind)
    job["execution_start_time"] = messages[0][1]["timestamp"]
    job["execution_end_time"] = last["timestamp"]
    if kind == "failed":
        job["execution_error"] = last
    files = [{**file, "nodeId": node_id, "mediaType": key}
             for node_id, output in entry["outputs"].items() for key, files in output.items() if isinstance(files, list)
             for file in files if isinstance(file, dict) and "filename" in file]
    previewable = [file for file in files if file["mediaType"] in _PREVIEWABLE]
    job["outputs_count"] = len(files)
    job["previewable_outputs_count"] = len(previewable)
    if previewable:
        saved = [file for file in previewable if file.get("type") == "output"]
        job["preview_output"] = (saved or previewable)[0]
    job.update(_workflow_id(item))
    if full:
        job["outputs"] = entry["outputs"]
        job["execution_status"] = status
        job["workflow"] = {"prompt": item[2], "extra_data": item[3]}
    return job


def _all(life: Life, prompt_id: Optional[str] = None, full: bool = False) -> List[Dict[str, Any]]:
    queue = life.queue
    jobs = [_queued(list(item), "in_progress") for item in queue.running_items()]
    jobs += [_queued(list(item), "pending") for item in queue.pending_items()]
    jobs += [_finished(entry, full) for entry in queue.history(prompt_id).values()]
    return [job for job in jobs if prompt_id in (None, job["id"])]


def _count(text: Optional[str], name: str, minimum: int) -> Any:
    """An int, None, or the 400 that says what is wrong."""
    if text is None:
        return None
    try:
        value = int(text)
    except ValueError:
        return _bad(f"{name} must be an integer")
    if value < minimum:
        return _bad(f"{name} must be a positive integer" if minimum else f"{name} must be a non-negative integer")
    return value


async def list_jobs(request: web.Request) -> web.Response:
    query = request.query
    wanted = [part for part in query.get("status", "").split(",") if part]
    unknown = [part for part in wanted if part not in _STATUSES]
    if unknown:
        return _bad(f"Invalid status value(s): {', '.join(unknown)}. Valid values: {', '.join(_STATUSES)}")
    sort_by = query.get("sort_by", "created_at")
    if sort_by not in ("created_at", "execution_duration"):
        return _bad("sort_by must be 'created_at' or 'execution_duration'")
    sort_order = query.get("sort_order", "desc")
    if sort_order not in ("asc", "desc"):
        return _bad("sort_order must be 'asc' or 'desc'")
    limit, offset = _count(query.get("limit"), "limit", 1), _count(query.get("offset"), "offset", 0)
    for value in (limit, offset):
        if isinstance(value, web.Response):
            return value
    jobs = [job for job in _all(life_of(request)) if not wanted or job["status"] in wanted]
    if "workflow_id" in query:
        jobs = [job for job in jobs if job.get("workflow_id") == query["workflow_id"]]
    if sort_by == "created_at":
        jobs.sort(key=lambda job: job.get("create_time", 0), reverse=sort_order == "desc")
    else:
        jobs.sort(key=lambda job: job.get("execution_end_time", 0) - job.get("execution_start_time", 0),
                  reverse=sort_order == "desc")
    start = offset or 0
    page = jobs[start:] if limit is None else jobs[start:start + limit]
    return web.json_response({"jobs": page, "pagination": {
        "offset": start, "limit": limit, "total": len(jobs), "has_more": start + len(page) < len(jobs)}})


async def get_job(request: web.Request) -> web.Response:
    jobs = _all(life_of(request), request.match_info["job_id"], full=True)
    return web.json_response(jobs[0]) if jobs else web.json_response({"error": "Job not found"}, status=404)


def _cancel(life: Life, job_id: str) -> bool:
    if any(item[1] == job_id for item in life.queue.running_items()):
        life.interrupt()
        return True
    removed = life.queue.delete(job_id)
    for item in removed:
        life.journal.removed(item[5], item[1])
    return bool(removed)


async def cancel_job(request: web.Request) -> web.Response:
    return web.json_response({"cancelled": _cancel(life_of(request), request.match_info["job_id"])})


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


async def cancel_jobs(request: web.Request) -> web.Response:
    try:
        body = await request.json()
    except json.JSONDecodeError:
        return _bad("Request body must be valid JSON")
    job_ids = body.get("job_ids")
    if not isinstance(job_ids, list):
        return _bad("job_ids must be a list")
    invalid = [job_id for job_id in job_ids if not _is_uuid(job_id)]
    if invalid:
        return _bad("job_ids contains invalid id(s)", invalid_ids=invalid)
    results = [_cancel(life_of(request), job_id) for job_id in job_ids]
    return web.json_response({"cancelled": any(results)})


def routes(traits: Traits) -> List[Route]:
    table: List[Route] = []
    if traits.jobs_api:
        table += [Route("GET", "/api/jobs", list_jobs), Route("GET", "/api/jobs/{job_id}", get_job)]
    if traits.jobs_cancel:
        table += [Route("POST", "/api/jobs/cancel", cancel_jobs),
                  Route("POST", "/api/jobs/{job_id}/cancel", cancel_job)]
    return table
