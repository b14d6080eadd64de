"""convfilter info."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from convfilter._version import __version__
from convfilter.cli.console import out

PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "pillow", "click", "rich", "pydantic")


@click.command("info")
@click.option("--backend", metavar="tensorflow|jax|torch", help="The backend whose devices are shown.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def command(backend: str | None, as_json: bool) -> None:
    """Show versions, Keras' backend and devices, and the folders kernels are looked up in."""
    from convfilter.backend import configured_backend

    facts = _facts(backend or configured_backend())
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if isinstance(value, dict):
            text = ", ".join(f"{key} {each}" for key, each in value.items() if each)
        out().print(f"[bold]{name:>12}[/]  ", end="")
        out().print(text, markup=False, soft_wrap=True)


def _facts(backend: str) -> dict[str, Any]:
    from convfilter.backend import installed_backends
    from convfilter.filters.catalogue import folders
    from convfilter.system.machine import cores

    return {
        "convfilter": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "backend": backend,
        "backends": installed_backends(),
        "devices": _devices(backend),
        "cores": cores(),
        "kernels": [str(folder) for folder in folders()],
    }


def _devices(backend: str) -> list[str]:
    """What the backend can compute on; none, and why, where it can't be used."""
    from convfilter.backend import choose_backend
    from convfilter.cli.wording import message
    from convfilter.errors import BackendError

    try:
        choose_backend(backend)
        from convfilter.engines.keras_engine import devices
    except BackendError as error:
        return [f"none: {message(error)}"]
    return devices()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
