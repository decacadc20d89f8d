"""Reading GET /metrics: every line is looked at, and what is asked for is given as a number.

    seen = Exposition(gateway)
    assert seen.value("comfygate_jobs_ended_total", template="_workflow", status="succeeded") == 3
"""
import re

LINE = re.compile(r'(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*(?:\{[a-z]+\}[^}]*)*)\})? (?P<value>-?[0-9.]+)')
LABEL = re.compile(r'([a-z]+)="([^"\\]*)"(?:,|$)')
SUFFIXES = ("_bucket", "_sum", "_count")


class Exposition:
    def __init__(self, gateway):
        answer = gateway.request("GET", "/metrics")
        assert answer.status == 200, answer
        assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.body.decode()
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.MULTILINE))
        self.samples = {}  # (name, frozenset of labels) -> value
        for line in self.text.splitlines():
            if not line.startswith("#"):
                self._take(line)

    def _take(self, line):
        found = LINE.fullmatch(line)
        assert found, line
        labels = LABEL.findall(found["labels"] or "")
        assert ",".join(f'{name}="{value}"' for name, value in labels) == (found["labels"] or ""), line
        key = (found["name"], frozenset(labels))
        assert key not in self.samples, f"twice: {line}"
        assert self.family(found["name"]) is not None, f"of no family: {line}"
        self.samples[key] = float(found["value"])

    def family(self, name):
        """The metric that a sample belongs to."""
        base = next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
        return name if name in self.types else base if self.types.get(base) == "histogram" else None

    def names(self):
        return {name for name, _ in self.samples}

    def rows(self, name):
        return [(dict(labels), value) for (each, labels), value in self.samples.items() if each == name]

    def value(self, name, default=None, **labels):
        """The sum over all that have these labels."""
        found = [value for each, value in self.rows(name) if labels.items() <= each.items()]
        assert found or default is not None, f"no {name} {labels}"
        return sum(found) if found else default
