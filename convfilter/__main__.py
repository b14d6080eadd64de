"""The command's entry: answers --version at once, else hands over to click."""

import contextlib
import os
import sys

from convfilter import garbage


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        from convfilter import __version__

        try:
            print(f"convfilter {__version__}", flush=True)
        except OSError:  # nobody reads it
            os._exit(1)
        return
    garbage.put_off()
    from convfilter.cli import run

    with contextlib.suppress(OSError, AttributeError):  # there is no stderr
        # A copy of it, as what native libraries write there is held back.
        sys.stderr = open(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding)  # noqa: SIM115
    _leave(run())


def _leave(code: int) -> None:
    """End at once: taking TensorFlow down piece by piece would cost 0.6 s."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it was closed
                stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
