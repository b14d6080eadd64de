"""Frozen dataclasses that cost little to make.

`dataclasses` writes six methods for each class and compiles them, 0.4 ms a class and 17 of the command's 190
ms in all. Here all classes share the same functions; what they take, give and refuse is the same. To a type
checker the decorator is that of `dataclasses`, whose `replace`, `fields` and `asdict` work too.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool, eq: bool = True) -> Callable[[type], type]:
        """As dataclasses.dataclass, for frozen classes whose fields have no `field()`."""
        assert frozen
        return lambda cls: _completed(cls, eq)


def _completed(cls: type, eq: bool) -> type:
    cls.__doc__ = cls.__doc__ or cls.__name__  # else dataclasses would work out a signature for it
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    made.__init__ = _init_of(dataclasses.fields(made), hasattr(cls, "__post_init__"))
    made.__signature__ = _Signature()
    made.__setattr__ = made.__delattr__ = _refuse
    own = {"__repr__": _repr, **({"__eq__": _eq, "__hash__": _hash} if eq else {})}
    for name, method in own.items():
        if vars(cls).get(name) is None:  # __hash__ is None where a class has an __eq__ of its own
            setattr(made, name, method)
    return cls


def _init_of(fields: tuple[dataclasses.Field[Any], ...], checks: bool) -> Callable[..., None]:
    """The __init__ of a class of these fields; checks: whether it calls __post_init__."""
    names = tuple(field.name for field in fields)
    known, count = set(names), len(names)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        state = self.__dict__
        state.update(defaults)
        state.update(zip(names, values))  # noqa: B905  (too many are found below)
        state.update(named)
        if len(values) > count or state.keys() != known or not named.keys().isdisjoint(names[: len(values)]):
            type(self).__signature__.bind(*values, **named)  # raises the TypeError
        if checks:
            self.__post_init__()

    return __init__


class _Signature:
    """What `inspect.signature` finds at a class, made when it is asked for."""

    def __get__(self, instance: object, cls: Any) -> Any:
        from inspect import Parameter, Signature

        return Signature([
            Parameter(
                field.name,
                Parameter.POSITIONAL_OR_KEYWORD,
                default=Parameter.empty if field.default is dataclasses.MISSING else field.default,
                annotation=field.type,
            )
            for field in dataclasses.fields(cls)
        ], return_annotation=None)  # fmt: skip


def _refuse(self: object, name: str, value: object = None) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot change {name!r} of a frozen {type(self).__name__}")


def _values(self: Any) -> tuple[Any, ...]:
    """The fields' values, in order; `dataclasses` keeps the names under __match_args__."""
    return tuple(map(self.__dict__.__getitem__, self.__match_args__))


def _repr(self: Any) -> str:
    given = (f"{name}={value!r}" for name, value in zip(self.__match_args__, _values(self), strict=True))
    return f"{type(self).__qualname__}({', '.join(given)})"


def _eq(self: object, other: object) -> bool:
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: object) -> int:
    return hash(_values(self))
