"""An error of Discord's API."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from fake_discord.openapi import Problem, error_tree


class Refused(Exception):
    """What a request is answered with when it is not done."""

    def __init__(self, status: int, code: int, message: str, problems: Optional[List[Problem]] = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body: Dict[str, Any] = {"message": message, "code": code}
        if problems:
            self.body["errors"] = error_tree(problems)


def bad_form(problems: List[Problem]) -> Refused:
    return Refused(400, 50035, "Invalid Form Body", problems)
