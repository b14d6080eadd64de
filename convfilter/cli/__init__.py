"""The command line: parses, calls one function, says what happened. Commands load when they are called."""

import importlib
import os
import signal
import sys
from typing import Any, NoReturn

import click

from convfilter import __version__

# name → (module, one line of help): the help of the group needs no command's module.
COMMANDS = {
    "apply": ("apply", "Filter pictures."),
    "kernels": ("kernels", "List, show and check kernels."),
    "describe": ("describe", "Show the layers a filter becomes."),
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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        import difflib

        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(COMMANDS)}"
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
    from convfilter.errors import ConvfilterError

    args = sys.argv[1:] if args is None else args
    debug = "--debug" in args
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return (
            command.main([a for a in args if a != "--debug"], prog_name="convfilter", standalone_mode=False)
            or 0
        )
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
            return error.exit_code
        context = getattr(error, "ctx", None)
        see = f"; see {context.command_path} --help" if context else ""
        click.echo(f"Error: {error.format_message().rstrip('.')}{see}", err=True)
        return error.exit_code
    except ConvfilterError as error:
        if debug:
            raise
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:  # the reader of stdout went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _terminated(signum: int, frame: Any) -> NoReturn:
    raise SystemExit(128 + signum)
