"""Frozen dataclasses made quickly: in all that can be seen of them they are those of `dataclasses`."""

import copy
import dataclasses
import inspect
import pickle
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

import convfilter
from convfilter.system import values


def classes(dataclass: Any) -> dict[str, Any]:
    """Classes of every kind that the package has, made by one of the two decorators."""

    class Plain:
        kind: ClassVar[str] = "plain"
        size: int

        @property
        def label(self) -> str:
            return "a property that a field hides"

    @dataclass(frozen=True)
    class Empty:
        """Without fields."""

    @dataclass(frozen=True)
    class Sized(Plain):
        """Some of the fields with a default, over a class that is none."""

        size: int
        label: str = "none"
        share: float = 0.5

        @property
        def double(self) -> int:
            return 2 * self.size

    @dataclass(frozen=True)
    class Deeper(Sized):
        """Fields of its own after the inherited ones."""

        inner: "Sized | None" = None
        kind: ClassVar[str] = "deeper"

    @dataclass(frozen=True)
    class Checked:
        """Looked at when it is made."""

        size: int = 1

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError(f"a size of {self.size}")

    @dataclass(frozen=True, eq=False)
    class Single:
        """Equal to itself alone."""

        size: int

    @dataclass(frozen=True, eq=False)
    class Own:
        """With methods of its own."""

        size: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and self.size % 10 == other.size % 10

        def __hash__(self) -> int:
            return self.size % 10

        def __repr__(self) -> str:
            return f"<{self.size}>"

    return {each.__name__: each for each in (Empty, Sized, Deeper, Checked, Single, Own)}


THEIRS, OURS = classes(dataclasses.dataclass), classes(values.dataclass)
CALLS = [
    ("Empty", (), {}),
    ("Empty", (1,), {}),
    ("Sized", (1,), {}),
    ("Sized", (1, "two", 3.0), {}),
    ("Sized", (1, "two", 3.0, 4), {}),
    ("Sized", (1,), {"size": 2}),
    ("Sized", (), {}),
    ("Sized", (), {"size": 4, "share": 1.0}),
    ("Sized", (), {"size": 4, "colour": 1.0}),
    ("Sized", (), {"label": "no size", "colour": 1.0}),
    ("Deeper", (1, "two"), {"inner": None}),
    ("Deeper", (), {"size": 1, "kind": "a class's, not a field"}),
    ("Checked", (), {}),
    ("Checked", (-1,), {}),
    ("Single", (7,), {}),
    ("Own", (7,), {}),
]


def outcome(cls: Any, given: Any, named: Any) -> Any:
    """What a call gives: the kind of error, else all that can be seen of the instance."""
    try:
        made = cls(*given, **named)
    except (TypeError, ValueError) as error:
        return type(error)
    again, other = cls(*given, **named), copy.copy(made)
    seen = (made == again, made == other, made != other, hash(made) == hash(again), made == 1)
    text = re.sub(r"0x[0-9a-f]+", "", repr(made))
    return (text, seen, dataclasses.asdict(made), vars(made), vars(dataclasses.replace(made)), str(other))


@pytest.mark.parametrize(("name", "given", "named"), CALLS)
def test_a_call_gives_what_dataclasses_gives(name, given, named):
    """The same instances, equal to the same others, and the same kind of error."""
    assert outcome(OURS[name], given, named) == outcome(THEIRS[name], given, named)


@pytest.mark.parametrize("name", THEIRS)
def test_classes_look_alike(name):
    """The same signature, fields, names to match, and attributes of the class."""
    ours, theirs = OURS[name], THEIRS[name]
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__doc__ == theirs.__doc__
    for one, two in zip(dataclasses.fields(ours), dataclasses.fields(theirs), strict=True):
        assert (one.name, one.type, one.default) == (two.name, two.type, two.default)
    assert [hasattr(ours, field.name) for field in dataclasses.fields(ours)] == [
        hasattr(theirs, field.name) for field in dataclasses.fields(theirs)
    ]


def test_hashes_tell_what_equality_tells():
    """Equal instances are one member of a set; different ones, or of different classes, are two."""
    one, same, other = OURS["Sized"](1), OURS["Sized"](1, "none"), OURS["Sized"](2)
    assert len({one, same, other}) == 2
    assert one != OURS["Checked"](1)
    assert len({OURS["Single"](1), OURS["Single"](1)}) == 2


def test_nothing_can_be_changed():
    """Neither a field nor anything else, as dataclasses has it."""
    made = OURS["Sized"](1)
    for change in (
        lambda: setattr(made, "size", 2),
        lambda: setattr(made, "new", 2),
        lambda: delattr(made, "size"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    assert made == OURS["Sized"](1)


def test_what_is_wrong_with_a_call_is_said():
    """In the words that Python has for any function."""
    with pytest.raises(TypeError, match="missing a required argument: 'size'"):
        OURS["Sized"]()
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        OURS["Sized"](1, colour=2)
    with pytest.raises(TypeError, match="multiple values for argument 'size'"):
        OURS["Sized"](1, size=2)


def test_instances_can_be_pickled():
    """As those of the package are, for other processes."""
    from convfilter.filters.padding import Pad

    pad = Pad(1, 2, 3, 4, "edge")
    assert pickle.loads(pickle.dumps(pad)) == pad == copy.deepcopy(pad)


def test_the_package_has_no_other_dataclasses():
    """Each of those that dataclasses makes costs the start of the command 0.4 ms."""
    package = Path(convfilter.__file__).parent
    others = [
        path.name
        for path in package.rglob("*.py")
        if re.search(
            r"^\s*(from dataclasses import .*\bdataclass\b|import dataclasses)", path.read_text("utf-8"), re.M
        )
    ]
    assert others == ["values.py"]
