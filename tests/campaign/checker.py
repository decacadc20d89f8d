"""What must hold after a campaign, read from where nothing can be glossed over: the doubles' own files, the gateway's
database, its folder of files, and its log."""
import collections
import hashlib


def ends(load, tolerate_lost=False):
    """Each promise came to the end that its kind has. Gives the counts by end."""
    counts = collections.Counter()
    for promise in load.promises.values():
        status, code, _ = promise.end
        counts[status] += 1
        allowed = {("succeeded", None)}
        if promise.kind == "failing":
            allowed = {("failed", "node_execution_error")}
        if promise.is_cancel_asked:
            allowed |= {("canceled", None)}
        if tolerate_lost:
            allowed |= {("failed", "backend_lost")}
            counts["backend_lost"] += code == "backend_lost"
        assert (status, code) in allowed, f"{promise.id} ({promise.kind}) ended as {status} {code}"
    return counts


def executions(stage, load, most_per_job=1):
    """How often the doubles began each job. A prompt runs once, and once more for each time that the gateway says it has
    sent it again because an answer was lost."""
    resent = collections.Counter(line["prompt"] for line in stage.gateway_log("prompt_resent"))
    jobs = stage.jobs_by_prompt()
    per_prompt = collections.Counter(each["prompt_id"] for each in stage.sim_events("started"))
    per_job = collections.Counter()
    twice = 0
    for prompt, count in per_prompt.items():
        assert count <= 1 + resent[prompt], f"the prompt {prompt} ran {count} times, sent again {resent[prompt]} times"
        twice += count > 1
        per_job[jobs[prompt]] += min(count, 1)
    for promise in load.promises.values():
        count = per_job[promise.id]
        assert count <= most_per_job, f"{promise.id} ran {count} times in as many attempts"
        if promise.end[0] == "succeeded":
            assert count >= 1, f"{promise.id} succeeded and never ran"
    return {"prompts": len(per_prompt), "resent": sum(resent.values()), "ran_twice": twice}


def store(stage, load):
    """The database is sound, knows every promise once, and has no job that is still open."""
    sql = stage.gateway.sql
    if not stage.gateway.database_url.startswith("postgres"):
        assert sql("PRAGMA integrity_check") == [("ok",)]
        assert sql("PRAGMA foreign_key_check") == []
    assert sql("SELECT id, status FROM job WHERE phase IS NOT NULL") == []
    known = {row[0] for row in sql("SELECT id FROM job")}
    missing = set(load.promises) - known
    assert not missing, f"promised and not there: {missing}"
    outputs = {row[0] for row in sql("SELECT sha256 FROM output WHERE sha256 IS NOT NULL")}
    assert sql("SELECT id FROM job WHERE status = 'succeeded' AND id NOT IN (SELECT job_id FROM output)") == []
    assert sql("SELECT id FROM job WHERE error_code = 'backend_lost' AND deaths < 2 AND attempt < max_attempts") == []
    return {"jobs": len(known), "files": files(stage, outputs)}


def files(stage, wanted):
    """In the folder of files is what the database names: nothing else, nothing less, nothing changed."""
    data = stage.directory / "data"
    found = {}
    for path in data.rglob("*"):
        if path.is_file() and not path.name.startswith("comfygate.db") and path != data / "link.key":
            assert "staging" not in path.relative_to(data).parts, f"left in staging: {path}"
            found[path.name] = path
    assert set(found) == wanted, f"orphans: {set(found) - wanted}; missing: {wanted - set(found)}"
    for name, path in found.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == name, f"{path} is not what it says"
    return len(found)


def log(stage):
    """The gateway never complained about itself, nor about a ComfyUI that only died."""
    bad = [line for line in stage.gateway_log() if line["lvl"] == "error" or line["ev"] == "backend_stalled"]
    assert bad == [], bad[:5]
    text = (stage.directory / "gateway.log").read_text()
    for word in ("AddressSanitizer", "ThreadSanitizer", "runtime error", "BUG", "Assertion"):
        assert word not in text, f"{word} in the gateway's log"
