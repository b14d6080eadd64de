"""The table of file formats."""

import pytest

from convfilter.errors import FilterError
from convfilter.images.formats import FORMATS, format_named, format_of


def test_formats_are_found_by_extension_and_name():
    """Every extension and name leads to its format; others are refused with the known ones."""
    for name, each in FORMATS.items():
        assert each.name == name
        assert format_named(name) is each
        for extension in each.extensions:
            assert format_of(f"some.dir/x{extension.upper()}") is each
    assert format_named("JPG") is FORMATS["jpeg"]
    assert format_named("tif") is FORMATS["tiff"]
    for bad in ("x.xyz", "x", ".png"):
        with pytest.raises(FilterError, match=r"\.png .*\.npy"):
            format_of(bad)
    with pytest.raises(FilterError, match="xyz"):
        format_named("xyz")
