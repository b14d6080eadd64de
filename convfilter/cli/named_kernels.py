"""The kernels that have names, for the commands that go through all of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from convfilter.filters.kernel import Kernel


def named_kernels(tag: str | None) -> "Iterator[tuple[str, Kernel]]":
    """Each name and its kernel, read when it is asked for; only those with the tag, where one is given.

    A broken file is said on stderr and left out. Raises UsageError at the end where none has the tag.
    """
    from convfilter.errors import FilterError
    from convfilter.filters.catalogue import files
    from convfilter.filters.kernel import Kernel
    from convfilter.filters.load import load_file

    tags = set()
    for name, path in files().items():
        try:
            found = load_file(path)
        except FilterError as error:  # one broken file must not hide the others
            click.echo(f"Left out: {error}", err=True)
            continue
        if isinstance(found, Kernel):
            tags |= {*found.tags}
            if tag is None or tag in found.tags:
                yield name, found
    if tag is not None and tag not in tags:
        raise click.UsageError(f'no kernel has the tag "{tag}"; the tags are {", ".join(sorted(tags))}')
