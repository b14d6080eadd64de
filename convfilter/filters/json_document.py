"""Strict JSON: what a person wrote by hand, with the line and column of every mistake.

`json` parses; this module adds what it lets through (NaN, repeated keys, endless nesting,
giant numbers) and finds the place of a value, so that an error can point at it.
"""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from convfilter.errors import FilterError, first_line, nearest, refuse_address

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32  # the deepest legal file has 9 levels: a pipeline with a five-bracket kernel inline
LAST_COMMA = "a comma after the last value; remove it"
MAX_DIGITS = 400  # characters in one number; float64 needs at most 25

Path_ = tuple[str | int, ...]
# Possessive, and an unclosed string is one token to the end: in one pass, whatever the text.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^\s{}\[\],:"]+')


def _nearest(path: Path) -> str:
    """What to do about a file that isn't there: the JSON file in its folder that may be meant."""
    try:
        there = [each.stem for each in path.parent.glob("*.json")]
    except (OSError, ValueError):
        there = []
    near = nearest(path.name.removesuffix(".json"), there)
    return f"did you mean {path.with_name(near[0] + '.json')}?" if near else "check the name"


def _not_json(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """Where a text stops being JSON, and what is wrong; the fix too where it is one of the usual slips."""
    here, before = text[error.pos : error.pos + 1], text[: error.pos].rstrip()
    said = f"{error.msg[0].lower()}{error.msg[1:]}"
    if here == "'":
        said = "text stands in single quotes; use double ones"
    elif "trailing comma" in said:  # Python 3.13
        said = LAST_COMMA
    elif here in ("}", "]") and before.endswith(","):
        return len(before) - 1, f"not JSON: {LAST_COMMA}"
    elif said == "extra data":
        said = 'something follows the end; a kernel is {"weights": [[1, 2], [3, 4]]}, one list per row'
    return error.pos, f"not JSON: {said}"


class Document:
    """A parsed JSON file: `data`, and where each value stands.

    Raises FilterError with file, line and column for a file that is missing, not UTF-8, broken,
    larger than MAX_BYTES, deeper than MAX_DEPTH, or that holds NaN, Infinity or a repeated key.
    """

    def __init__(self, text: str, name: str):
        self.text = text
        self.name = name
        self.data = self._parse()

    @classmethod
    def read(cls, path: Path) -> "Document":
        try:
            if stat.S_ISFIFO(path.stat().st_mode) and not str(path).startswith(("/dev/", "/proc/")):
                raise FilterError(f"{path}: a pipe, which may never end; give the path of a JSON file")
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except FileNotFoundError as error:
            refuse_address(path, FilterError)
            raise FilterError(f"{path}: no such file; {_nearest(path)}") from error
        except (OSError, ValueError) as error:  # ValueError: a path with a null character, or not Unicode
            raise FilterError(f"{path}: {first_line(error)}; give the path of a JSON file") from error
        if len(raw) > MAX_BYTES:
            raise FilterError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; a kernel file is a few kB")
        if b"\0" in raw[:1024] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):  # those begin UTF-16
            raise FilterError(
                f"{path}: no text but binary data; a filter is a kernel's name, a JSON file or a formula"
            )
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode()
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            raise FilterError(
                f"{path}:{line}:{column}: not UTF-8 text; save the file as UTF-8", line=line, column=column
            ) from error
        return cls(text, str(path))

    def fail(self, message: str, path: Path_ = ()) -> NoReturn:
        """Raise FilterError at the place of the value `path` leads to (or of its nearest parent)."""
        places = dict(self._places())
        while path and path not in places:
            path = path[:-1]
        self._fail_at(places.get(path, 0), message)

    def _fail_at(self, offset: int, message: str) -> NoReturn:
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        raise FilterError(f"{self.name}:{line}:{column}: {message}", line=line, column=column)

    def _parse(self) -> Any:
        if not self.text.strip():
            self._fail_at(0, 'empty file; the smallest kernel is {"weights": [[1]]}')
        self._check_tokens()
        try:
            data = json.loads(self.text)
        except json.JSONDecodeError as error:
            self._fail_at(*_not_json(self.text, error))
        except ValueError as error:
            raise FilterError(f"{self.name}: not JSON: {error}") from error
        self._check_keys()
        return data

    def _check_tokens(self) -> None:
        depth = 0
        for token in _TOKEN.finditer(self.text):
            word = token.group()
            if word in "[{":
                depth += 1
                if depth > MAX_DEPTH:
                    self._fail_at(
                        token.start(), f"nested deeper than {MAX_DEPTH} levels; a kernel needs 5 at most"
                    )
            elif word in "]}":
                depth -= 1
            elif word.lstrip("-") in ("NaN", "Infinity"):
                self._fail_at(token.start(), f"{word} is not a number a kernel can hold; use a finite number")
            elif len(word) > MAX_DIGITS and word[0] in "-0123456789":
                self._fail_at(token.start(), f"a number of {len(word)} characters; use fewer digits")

    def _check_keys(self) -> None:
        seen = set()
        for path, offset in self._places():
            if path in seen:
                self._fail_at(offset, f'"{path[-1]}" stands here a second time; remove one')
            seen.add(path)

    def _places(self) -> Iterator[tuple[Path_, int]]:
        """Every value's path and offset in the (valid) text, parents first."""
        path: list[str | int] = []  # keys and indices of the open containers, and of the value to come
        key: str | None = None
        for token in _TOKEN.finditer(self.text):
            word = token.group()
            if word in "[{":
                yield tuple(path), token.start()
                path.append(0 if word == "[" else "")
                key = None
            elif word in "]}":
                path.pop()
            elif word == ",":
                last = path[-1]
                path[-1] = last + 1 if isinstance(last, int) else ""
            elif word == ":":
                path[-1] = key or ""
            elif path and path[-1] == "" and key is None:
                key = json.loads(word)
                continue
            else:
                yield tuple(path), token.start()
            if word != ":":
                key = None
