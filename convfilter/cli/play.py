"""convfilter play: what was typed becomes what the page shows first; then its server runs until Ctrl-C."""

import os
import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click
from click.core import ParameterSource

from convfilter.choices import COLORS, RANGES
from convfilter.cli.options import FilterType, layer_options, settings
from convfilter.errors import first_line, reason

if TYPE_CHECKING:
    from convfilter.filters.settings import FilterSettings
    from convfilter.play.service import Service
    from convfilter.play.service_network import NetworkService

MOST_TEXT = 4000  # characters of a filter that stand in the address


@click.command("play")
@click.argument("filter", required=False, type=FilterType(), metavar="[FILTER|MODEL]")
@click.argument("picture", required=False, type=click.Path(path_type=Path))
@layer_options
@click.option(
    "--color",
    type=click.Choice(COLORS),
    help="Filter the gray picture, each channel, or the brightness only; default: the kernel's.",
)
@click.option("--range", type=click.Choice(RANGES), help="How results become pixels; default: the kernel's.")
@click.option("--linear", is_flag=True, help="Work in linear light instead of sRGB values.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the address. [default: one that is free]")
@click.option("--no-browser", is_flag=True, help="Print the address, and open nothing.")
def command(
    filter: str | None,
    picture: Path | None,
    then: tuple[str, ...],
    port: int | None,
    no_browser: bool,
    **options: Any,
) -> None:
    """Open a page that shows how a filter, or a network, works on a picture, with every number of it.

    \b
    convfilter play
    convfilter play gaussian:sigma=2 photo.jpg
    convfilter play runs/mnist-…

    The page is served to this computer only, until Ctrl-C. A MODEL is a run's folder, a .keras or .npz file.
    """
    said = _said(options)
    is_model = filter is not None and _is_model(filter)
    filters = [*([] if is_model or filter is None else [filter]), *then] or ["sobel"]
    service = _service(filters, settings(options), picture, filter if is_model else None)
    view = "network" if is_model and not then else "filter"
    _serve(service, _fragment(view, service.filters, said), port or 0, browser=not no_browser)


def _said(options: dict[str, Any]) -> dict[str, str]:
    """The options that were typed, as the page's address has them."""
    source = click.get_current_context().get_parameter_source
    typed = {name: value for name, value in options.items() if source(name) is ParameterSource.COMMANDLINE}
    return {name: _word(value) for name, value in typed.items()}


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "true" if value is True else str(value)


def _is_model(text: str) -> bool:
    """Whether what stands for a filter is a network: a model file, or a run's folder."""
    return Path(text).suffix.lower() in (".keras", ".npz") or Path(text).is_dir()


def _service(
    filters: list[str], layers: "FilterSettings", picture: Path | None, model: str | None
) -> "Service":
    """What answers the page, with all that can be wrong found out before it opens."""
    from convfilter.filters.load import make_pipeline
    from convfilter.play.pictures import sample
    from convfilter.play.service import Service
    from convfilter.play.work import text_of

    make_pipeline(filters, **layers)
    service = Service([text_of(each) for each in filters], _network(model) if model else None)
    service.open(picture or sample())
    return service


def _network(model: str) -> "NetworkService":
    """The network of a model file, after the warning where such a file can hold code, or of a run."""
    from convfilter.cli.train_progress import open_model
    from convfilter.play.run import model_file
    from convfilter.play.service_network import NetworkService

    path = model_file(Path(model))
    return NetworkService(open_model(path), path)


def _fragment(view: str, filters: list[str], said: dict[str, str]) -> list[tuple[str, str]]:
    """What the address says beside the token. Long texts are left out: the page knows how it starts."""
    texts = filters if sum(map(len, filters)) <= MOST_TEXT else []
    return [("view", view), *(("filter", text) for text in texts), *said.items()]


def _serve(service: "Service", fragment: list[tuple[str, str]], port: int, browser: bool) -> None:
    """Print the page's address, open it, and answer until a signal comes."""
    from convfilter.play.api import Api
    from convfilter.play.server import PageServer
    from convfilter.system.interrupts import raised_at_once

    try:
        server = PageServer(Api(service), port, _failed)
    except OSError as error:
        raise click.ClickException(
            f"port {port}: {first_line(error)}; leave --port out for a free one"
        ) from error
    address = f"{server.address}#{urlencode([('token', server.token), *fragment])}"
    try:
        with raised_at_once():
            click.echo(address)
            click.echo("Ctrl-C stops it.", err=True)
            if browser:
                Thread(target=_open, args=(address,), daemon=True).start()
            server.serve_forever()
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _open(address: str) -> None:
    """Open the address in a browser with windows, if there is one: one without would take the terminal."""
    import webbrowser

    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform in ("win32", "darwin") or any(map(os.environ.get, names)):
        webbrowser.open(address)


def _failed(error: BaseException) -> None:
    """Say what went wrong inside while the page was answered."""
    import traceback

    click.echo(f"Error: {reason(error)}; see more with --debug", err=True)
    if os.environ.get("CONVFILTER_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
