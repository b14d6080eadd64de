"""The command's entry: answers --version at once, else hands over to click."""

import contextlib
import os
import sys

from convfilter.system import garbage

GIVEN = os.environ.get("MPLCONFIGDIR")


def main() -> None:
    _open_closed()
    if sys.argv[1:] == ["--version"]:
        from convfilter._version import __version__

        try:
            print(f"convfilter {__version__}", flush=True)
        except OSError:  # nobody reads it
            os._exit(1)
        return
    garbage.put_off()
    from convfilter.cli import run

    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # no descriptor is left
            # A copy of it, as what native libraries write there is held back.
            sys.stderr = open(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding)  # noqa: SIM115
    _leave(run())


def _open_closed() -> None:
    """Open /dev/null under each of the standard descriptors that is closed. Else the next file opened gets
    its number, and what a native library writes to stderr ends in a picture. sys.stderr stays None."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):  # a place without /dev/null
                nothing = os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, this one
                os.set_inheritable(nothing, True)


def _leave(code: int) -> None:
    """End at once: taking TensorFlow down piece by piece would cost 0.6 s."""
    _remove_matplotlibs_folder()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it was closed
                stream.flush()
    os._exit(code)


def _remove_matplotlibs_folder() -> None:
    """Where Matplotlib can't write in the user's folder it makes a temporary one, and names it in the
    environment; it would remove it at an ordinary end."""
    folder = os.environ.get("MPLCONFIGDIR", "")
    if folder != GIVEN and os.path.basename(folder).startswith("matplotlib-"):
        import shutil
        import tempfile

        if os.path.dirname(folder) == tempfile.gettempdir():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
