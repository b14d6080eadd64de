"""One HTML text of the page's modules: nothing is asked for, nothing can end an element early."""

import re

from convfilter.play.bundle import STATIC, page, script


def test_every_module_stands_before_those_that_import_it():
    """Each module of shared.js is one constant, made before it is used, and none is imported any more."""
    text = script("shared.js")
    made = re.findall(r"^const module_(\w+) = \(\(\) => \{$", text, re.M)
    assert len(made) == len(set(made))
    assert made[-1] == "shared"
    for name, part in zip(
        made, re.split(r"^const module_\w+ = \(\(\) => \{$", text, flags=re.M)[1:], strict=True
    ):
        for used in re.findall(r"= module_(\w+);$", part, re.M):
            assert made.index(used) < made.index(name)
    assert "import " not in re.sub(r"//.*|/\*[\s\S]*?\*/|\"[^\"]*\"|`[^`]*`", "", text)


def test_modules_keep_to_the_form_that_is_bundled():
    """Imports of names on one line at the top, exports in front of what they export, no circle."""
    for path in STATIC.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert len(re.findall(r"^import\b", text, re.M)) == len(
            re.findall(r'^import \{ [\w, ]+ \} from "\./[\w.]+";$', text, re.M)
        ), path.name
        assert not re.search(r"^export (default|\{|\*)", text, re.M), path.name
    script("main.js")  # raises CycleError for a circle


def test_data_cannot_end_its_element():
    """A < of the data is written as JSON has it otherwise; nothing outside the page is named."""
    text = page("shared.js", '{"name": "</script><script>alert(1)</script><!--"}')
    assert "</script><script>alert" not in text
    assert '{"name": "\\u003c/script>\\u003cscript>' in text
    assert not re.search(r'(src|href)="(?!data:,"|#)', text)
    assert "default-src 'none'" in text
