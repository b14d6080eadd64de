"""The command line: parses, calls one function, says what happened. Commands load when they are called."""

import contextlib
import importlib
import os
import sys
import traceback
from io import TextIOWrapper
from typing import Any

import click

from convfilter._version import __version__
from convfilter.system import garbage, interrupts, temporary
from convfilter.system.machine import address_space, spare_address_space

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
    "export": ("export", "Write a filter as a model file."),
    "cache": ("cache", "List, clear and fill the folder of compiled filters."),
    "info": ("info", "Show versions, backends, devices and folders."),
}


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
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


def run(args: list[str] | None = None) -> int:
    """Run the command line; its exit code: 0 done, 1 a picture failed, 2 wrong use, 130 interrupted."""
    from convfilter.cli.wording import message
    from convfilter.errors import ConvfilterError

    args = sys.argv[1:] if args is None else args
    debug = "--debug" in args
    if debug:  # wherever it was written
        os.environ["CONVFILTER_DEBUG"] = "1"  # native libraries may speak
        args = ["--debug", *(arg for arg in args if arg != "--debug")]
    interrupts.install()
    spare_address_space()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a × must not fail where the terminal can't show it
            stream.reconfigure(errors="replace")
    try:
        with temporary.contained():
            code = command.main(args, prog_name="convfilter", standalone_mode=False) or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        see = f"; see {context.command_path} --help" if context else ""
        return _say(f"Error: {error.format_message().rstrip('.')}{see}", error.exit_code)
    except ConvfilterError as error:
        if debug:
            traceback.print_exc()
        return _say(f"Error: {message(error)}", error.exit_code)
    except OSError as error:  # stdout is full, or its reader went away
        if debug:
            traceback.print_exc()
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 if isinstance(error, BrokenPipeError) else _say(f"Error: {_os_reason(error)}", 1)
    except Exception as error:
        if not isinstance(error, MemoryError) and address_space() is None:
            raise
        if debug:
            traceback.print_exc()
        said = f"{type(error).__name__}: {error}".partition("\n")[0]  # libraries say it in many ways
        return _say(f"Error: not enough memory, it seems ({said}); use less, or raise its limit (ulimit)", 1)


def _os_reason(error: OSError) -> str:
    """What the system said, and of which file."""
    name = f"{error.filename}: " if isinstance(error.filename, str) else ""
    return f"{name}{error.strerror or error}"


def _say(text: str, code: int) -> int:
    """A line on stderr, if there is one; the exit code."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
    return code
