"""The command's entry: answers --version at once, else hands over to click."""

import os
import sys


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        from convfilter import __version__

        try:
            print(f"convfilter {__version__}", flush=True)
        except OSError:  # nobody reads it
            os._exit(1)
        return
    from convfilter.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
