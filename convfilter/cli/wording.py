"""The library's messages in the words of the command line."""

import re

# What messages of the library name as in Python, range="raw", and the commands as an option, --range raw.
OPTIONS = (
    "classes", "color", "combine", "data", "engine", "format",
    "max_pixels", "out", "range", "recursive", "resume",
)  # fmt: skip
_SETTING = rf'\b({"|".join(OPTIONS)})=(?:"([^"]*)"|True\b|(\d+))'  # compiled when there is something to say


def message(error: Exception) -> str:
    """What an error says, its settings written as options.

    >>> message(ValueError('no gray; use color="each", recursive=True or max_pixels=9'))
    'no gray; use --color each, --recursive or --max-pixels 9'
    """
    return re.sub(_SETTING, _as_option, str(error))


def _as_option(setting: re.Match[str]) -> str:
    import shlex  # only for a mistake

    name, text, number = setting.groups()
    option = f"--{name.replace('_', '-')}"
    value = number if text is None else shlex.quote(text)
    return option if value is None else f"{option} {value}"
