"""The command's entry: answers --version at once, else hands over to click."""

import sys


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        from convfilter import __version__

        print(f"convfilter {__version__}")
        return
    from convfilter.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
