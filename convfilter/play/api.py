"""Which question of the page is which method of the service, and how its answer is written."""

import json
import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from convfilter.errors import ConvfilterError, printable
from convfilter.play.answer import PNG, Answer, refused
from convfilter.play.service import Service
from convfilter.play.work import Refusal

MAX_NAME = 100  # characters of a picture's name
_PICTURE = re.compile(r"picture/([0-9a-f]{16})(\.png)?")


class Api:
    """The service behind names: `ask` never raises what is the question's fault."""

    def __init__(self, service: Service):
        self.service = service
        self.facts: dict[str, Callable[[], Any]] = {
            "start": service.start,
            "catalogue": service.catalogue,
            "network": lambda: _of(service).facts(),
        }
        self.questions: dict[str, Callable[[dict[str, Any]], Any]] = {
            "describe": service.describe,
            "explain": service.explain,
            "layers": service.layers,
            "window": service.window,
            "digit": lambda asked: _of(service).digit(asked),
            "mistakes": lambda asked: _of(service).mistakes(asked),
        }

    def ask(self, method: str, name: str, body: bytes, picture_name: str = "") -> Answer:
        """The answer to GET or POST api/NAME. picture_name: what a picture's file is called, URL-encoded."""
        try:
            return self._get(name) if method == "GET" else self._post(name, body, picture_name)
        except Refusal as refusal:
            return Answer(400, _written(refusal.as_json()))
        except ConvfilterError as error:
            return refused(400, str(error))

    def _get(self, name: str) -> Answer:
        if name in self.facts:
            return Answer(200, _written(self.facts[name]()))
        found = _PICTURE.fullmatch(name)
        if not found:
            return _unknown(name, (*self.questions, "apply"))
        if found[2]:
            return Answer(200, self.service.picture_file(found[1]), PNG)
        return Answer(200, _written(self.service.picture(found[1])))

    def _post(self, name: str, body: bytes, picture_name: str) -> Answer:
        if name == "picture":
            called = printable(unquote(picture_name)[:MAX_NAME]) or "picture"
            return Answer(200, _written(self.service.upload(body, called)))
        if name == "apply":
            png, taken = self.service.apply(_question(body))
            return Answer(200, png, PNG, (("X-Milliseconds", f"{taken:.1f}"),))
        if name in self.questions:
            return Answer(200, _written(self.questions[name](_question(body))))
        return _unknown(name, self.facts)


def _of(service: Service) -> Any:
    """The service's network. Raises Refusal where the command was given none."""
    if service.network is None:
        raise Refusal("no network here; give one to the command: convfilter play runs/…")
    return service.network


def _unknown(name: str, otherwise: Any) -> Answer:
    """404, or 405 for what can only be asked the other way."""
    return refused(405 if name in otherwise else 404, f"nothing at api/{printable(name)[:40]}")


def _question(body: bytes) -> dict[str, Any]:
    """The JSON object of a question. Raises Refusal for what is none."""
    try:
        asked = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refusal("the question is no JSON, or nested too deep") from error
    if not isinstance(asked, dict):
        raise Refusal("the question is no JSON object")
    return asked


def _no_number(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity


def _written(data: Any) -> bytes:
    """JSON, with null for NaN and infinities."""
    try:
        return json.dumps(data, allow_nan=False).encode()
    except ValueError:
        return json.dumps(_finite(data), allow_nan=False).encode()


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
