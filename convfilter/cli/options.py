"""Options and parameter types that several commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import click
from click.shell_completion import CompletionItem

from convfilter.choices import BORDERS, COMBINES, DATA_FORMATS, POOL_MODES, VALUES

if TYPE_CHECKING:
    from convfilter.filters.settings import FilterSettings


class NamedType(click.ParamType):
    """A type that is shown in the help under its own name, in small letters where the words are."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return self.name


class PairType(NamedType):
    """One whole number, or two joined by a comma: rows, columns. words: what may stand instead."""

    name = "N|N,M"

    def __init__(self, least: int, most: int = 4096, words: tuple[str, ...] = ()):
        self.least, self.most, self.words = least, most, words
        self.name = "|".join(["N", "N,M", *words])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple) or value in self.words:
            return value
        parts = str(value).replace("x", ",").split(",")
        try:
            numbers = [int(part) for part in parts]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 2):
            words = "".join(f", or {word}" for word in self.words)
            self.fail(f'"{value}": give one whole number or two joined by a comma{words}', param, ctx)
        if min(numbers) < self.least or max(numbers) > self.most:
            self.fail(f'"{value}": must be from {self.least} to {self.most}', param, ctx)
        return (numbers[0], numbers[-1])


class SizeType(PairType):
    """HxW: rows and columns of a picture."""

    def __init__(self) -> None:
        super().__init__(1, 1_000_000)
        self.name = "HxW"


class ShardType(NamedType):
    """One part of several: I/N."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        part, slash, parts = str(value).partition("/")
        if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
            self.fail(f'"{value}": give part and number of parts, such as 1/4', param, ctx)
        return int(part), int(parts)


class FilterType(NamedType):
    """A FILTER, completed by kernel and formula names."""

    name = "FILTER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from convfilter.filters.catalogue import files
        from convfilter.images.formats import extension_format

        if extension_format(value) and value not in files():
            self.fail(f"{value} is a picture; a FILTER, such as sobel, comes before any picture", param, ctx)
        names = [name.strip() for name in value.split(",")]
        if len(names) > 1 and {name.partition(":")[0] for name in names} <= {*_filter_names()}:
            following = " ".join(f"--then {name}" for name in names[1:])
            self.fail(f"{value}: one FILTER after another is written {names[0]} … {following}", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        names = [name for name in _filter_names() if name.startswith(incomplete)]
        return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


def _filter_names() -> list[str]:
    """The names of all kernels and formulas."""
    from convfilter.filters.catalogue import files
    from convfilter.filters.formulas import FORMULAS

    return [*files(), *FORMULAS]


def layer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with the options that say how a FILTER becomes layers, those of FilterSettings."""
    options = [
        click.option("--then", "then", multiple=True, type=FilterType(), metavar="FILTER",
                     help="Another filter after the first; may be repeated."),
        click.option("--pad", type=PairType(0, 4096, ("same", "valid", "cover")), default="same",
                     help="Pixels added around the picture before each convolution. [default: same]"),
        click.option("--border", type=click.Choice(BORDERS),
                     help="What the added pixels hold; default: the kernel's."),
        click.option("--strides", type=PairType(1), default=(1, 1),
                     help="Step between windows. [default: 1]"),
        click.option("--dilation", type=PairType(1), default=(1, 1),
                     help="Step between the pixels a kernel looks at. [default: 1]"),
        click.option("--activation", metavar="NAME", help="A Keras activation, or abs."),
        click.option("--bias", type=float, help="Added to each result, a fraction of full scale."),
        click.option("--combine", type=click.Choice(COMBINES),
                     help="How a bank's filters become one picture; default: the kernel's."),
        click.option("--pool", type=PairType(1),
                     help="Make one pixel of windows of this size, after the last layer."),
        click.option("--pool-mode", type=click.Choice(POOL_MODES), default="max", show_default=True,
                     help="What --pool takes of a window."),
        click.option("--values", type=click.Choice(VALUES),
                     help="Pixels as stored (0–255, 0–65535) or scaled to 0–1; default: the kernel's."),
        click.option("--data-format", type=click.Choice(DATA_FORMATS),
                     help="Order of the axes in the network; the results are the same."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def settings(options: dict[str, Any]) -> "FilterSettings":
    """Those of a command's options that say how a filter becomes layers."""
    from dataclasses import fields

    from convfilter.filters.settings import Settings

    return cast("FilterSettings", {field.name: options[field.name] for field in fields(Settings)})
