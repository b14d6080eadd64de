"""What goes back to the page."""

import json

from convfilter.system.values import dataclass

JSON, PNG = "application/json", "image/png"


@dataclass(frozen=True)
class Answer:
    """A status of HTTP and what follows it. headers: those that only this answer has."""

    status: int
    body: bytes
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def refused(status: int, text: str) -> Answer:
    """A refusal of one line that is about no filter."""
    told = {"error": text, "filter": None, "line": None, "column": None}
    return Answer(status, json.dumps(told).encode())
