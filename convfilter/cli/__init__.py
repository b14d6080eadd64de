"""The command line: parse, call one function, say what happened. Commands load when they are called."""

import contextlib
import importlib
import os
import sys
from io import TextIOWrapper
from typing import Any

import click

from convfilter._version import __version__
from convfilter.system import garbage, interrupts

# name → (module, one line of help): the help of the group needs no command's module.
COMMANDS = {
    "apply": ("apply", "Filter pictures."),
    "kernels": ("kernels", "List, show and check kernels."),
    "train": ("train", "Train a network on MNIST."),
    "evaluate": ("evaluate", "Judge a trained network on a data set."),
    "predict": ("predict", "Read the digits in photos."),
    "finetune": ("finetune", "Train a network further on other data."),
    "features": ("features", "Draw what every layer makes of a picture."),
    "describe": ("describe", "Show the layers a filter becomes."),
    "explain": ("explain", "Show the arithmetic behind one pixel."),
    "play": ("play", "Open a page that shows how a filter or a network works."),
    "export": ("export", "Write a filter as a model file."),
    "cache": ("cache", "List, clear and fill the folder of compiled filters."),
    "info": ("info", "Show versions, backends, devices and folders."),
}
WITHOUT_KERAS = ("apply", "kernels", "describe", "explain", "play")  # most of the time


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        from convfilter.system import machine  # brings pathlib: --help goes without

        machine.spare_address_space()
        if name in WITHOUT_KERAS:
            machine.one_blas_thread()
        command: click.Command = importlib.import_module(f"convfilter.cli.{COMMANDS[name][0]}").command
        if name != "apply":  # it imports more, and says itself when that is done
            garbage.as_usual()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from convfilter.errors import did_you_mean

        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = did_you_mean(name, COMMANDS, f"the commands are {', '.join(COMMANDS)}")
            ctx.fail(f'no command "{name}"; {hint}')
        return super().resolve_command(ctx, args)


@click.command(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="convfilter %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(debug: bool) -> None:
    """Image filters as convolutional networks: a kernel becomes a Keras layer, a picture goes through it.

    \b
    convfilter apply sobel photo.jpg edges.png
    convfilter kernels list
    convfilter describe sobel
    """
    from convfilter.system.temporary import contained

    click.get_current_context().with_resource(contained())


def run(args: list[str] | None = None) -> int:
    """Run the command line; its exit code: 0 done, 1 a picture failed, 2 wrong use, 130 interrupted."""
    args = sys.argv[1:] if args is None else args
    debug = "--debug" in args
    if debug:  # wherever it was written
        os.environ["CONVFILTER_DEBUG"] = "1"  # native libraries may speak
        args = ["--debug", *(arg for arg in args if arg != "--debug")]
    interrupts.install()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a × must not fail where the terminal can't show it
            stream.reconfigure(errors="replace")
    try:
        code = command.main(args, prog_name="convfilter", standalone_mode=False) or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:
        text, code = _explain(error)
        if debug and not isinstance(error, click.ClickException | click.Abort | KeyboardInterrupt):
            import traceback

            traceback.print_exc()
        if text:
            _say(text)
        return code


def _explain(error: BaseException) -> tuple[str, int]:
    """What to say of an error, nothing where nobody listens, and the exit code. Raises the error itself where
    it is a fault of this program."""
    from convfilter.cli.wording import message
    from convfilter.errors import ConvfilterError, reason
    from convfilter.system.machine import address_space

    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "interrupted", 130
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message(), error.exit_code
    if isinstance(error, click.ClickException):
        context, text = getattr(error, "ctx", None), error.format_message().rstrip(".")
        see = " See" if text.endswith("?") else "; see"
        see = f"{see} {context.command_path} --help" if context else ""
        return f"Error: {text}{see}", error.exit_code
    if isinstance(error, ConvfilterError):
        return f"Error: {message(error)}", error.exit_code
    if isinstance(error, OSError):  # stdout is full, or its reader went away
        _drop_stdout()
        return "" if isinstance(error, BrokenPipeError) else f"Error: {_os_reason(error)}", 1
    if isinstance(error, MemoryError) or address_space() is not None:  # libraries say it in many ways
        said = reason(error)
        return f"Error: not enough memory, it seems ({said}); use less, or raise its limit (ulimit)", 1
    raise error


def _drop_stdout() -> None:
    """Let what is still to be written to stdout go nowhere: a second error would end in a traceback."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _os_reason(error: OSError) -> str:
    """What the system said, and of which file."""
    name = f"{error.filename}: " if isinstance(error.filename, str) else ""
    return f"{name}{error.strerror or error}"


def _say(text: str) -> None:
    """A line on stderr, if there is one."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
