"""The marks that tests of the API and of the adapter carry, and the order in which tests run.

    once        looks at texts or at Python's side alone: it is not run again under the sanitizers
    one_thread  the program that it tests has one thread: it is not run again under ThreadSanitizer
    shares      only looks, or is refused, and minds no others: `gateway`, and `stages()` without options, are then
                those that all such tests of a pytest process share
    only_sqlite is about the file of SQLite: it is not run on a PostgreSQL server
    patient     mostly waits, for some seconds at least: such tests are begun early, that none is alone at the end

A conftest.py takes both functions: `from marks import pytest_collection_modifyitems, pytest_configure`.
"""
MARKS = {
    "once": "not run again under the sanitizers",
    "one_thread": "not run again under ThreadSanitizer",
    "shares": "shares a comfygate with others of its kind",
    "only_sqlite": "about the file of SQLite: not run on a PostgreSQL server",
    "patient": "mostly waits: it is begun early",
}
EARLY = 0.7  # of all tests: where the last patient one stands


def pytest_configure(config):
    for name, says in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {says}")


def pytest_collection_modifyitems(items):
    """Patient tests evenly among the others, because pytest-xdist gives them to its processes in rows."""
    patient = [item for item in items if item.get_closest_marker("patient")]
    others = [item for item in items if not item.get_closest_marker("patient")]
    step = max(1, int(len(others) * EARLY / max(1, len(patient))))
    ordered = []
    for number, item in enumerate(others):
        if number % step == 0 and patient:
            ordered.append(patient.pop(0))
        ordered.append(item)
    items[:] = ordered + patient
