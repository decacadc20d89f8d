"""What ctest and pytest have written down, added up test by test."""
import re
import xml.etree.ElementTree

LINES = 30  # of what a failed program said, in the log of its stage
# What cmocka says of each of its tests; a failed one is named again at the end.
SAID = re.compile(r"^\[ *(OK|FAILED|SKIPPED) *\] (\w+)$", re.MULTILINE)


def _cases(outcome, path, what):
    try:
        cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError):
        outcome.failed(f"{what} ended without a result")
        return []
    if not cases:
        outcome.failed(f"{what} found no tests")
    return cases


def _first_line(text):
    lines = (text or "").strip().splitlines()
    return lines[0][:140] if lines else "failed"


def add_pytest(outcome, path, succeeded):
    """A run that failed without a failed test counts as one."""
    for case in _cases(outcome, path, "pytest"):
        name = f"{case.get('classname') or ''}.{case.get('name')}".strip(".")
        wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if wrong is not None:
            outcome.failed(f"{name}: {_first_line(wrong.get('message'))}")
        elif skipped is not None:
            outcome.skipped(f"{name}: {skipped.get('message')}")
        else:
            outcome.passed()
    if not succeeded and outcome.counts.failed == 0:
        outcome.failed("pytest failed outside its tests")


def add_ctest(outcome, path, succeeded, log):
    """Counts the tests inside of each cmocka program; any other program is one test."""
    for case in _cases(outcome, path, "ctest"):
        text = case.findtext("system-out") or ""
        ends = {name: end for end, name in SAID.findall(text)}
        before = outcome.counts.failed
        for name, end in ends.items():
            if end == "OK":
                outcome.passed()
            elif end == "SKIPPED":
                outcome.skipped(f"{case.get('name')}.{name}")
            else:
                outcome.failed(f"{case.get('name')}.{name}")
        has_failed = case.get("status") != "run"
        if has_failed and outcome.counts.failed == before:
            outcome.failed(f"{case.get('name')}: {_first_line(case.get('status'))}")
        elif not has_failed and not ends:
            outcome.passed()
        if has_failed:
            with open(log, "a", encoding="utf-8") as out:
                out.write("\n".join([f"---- {case.get('name')}", *text.splitlines()[-LINES:], ""]))
    if not succeeded and outcome.counts.failed == 0:
        outcome.failed("ctest failed outside its tests")
