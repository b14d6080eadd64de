"""Files that are not what they should be: each mistake is reported with its file, line, column and fix.

In the texts below @ stands right before the place the error must name.
"""

import json
import time

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from convfilter.errors import FilterError
from convfilter.filters.json_document import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, Document


def marked(text):
    """The text without its @, and the line:column where it stood."""
    before, mark, after = text.partition("@")
    assert mark
    return before + after, f"{before.count(chr(10)) + 1}:{len(before.rsplit(chr(10), 1)[-1]) + 1}"


def error_of(action, *args):
    with pytest.raises(FilterError) as caught:
        action(*args)
    message = str(caught.value)
    assert message.isprintable()
    return message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@", "empty file; the smallest kernel is"),
        ("@ \n\t ", "empty file; the smallest kernel is"),
        ('{"weights": [[1, 2]\n@', "not JSON: expecting ',' delimiter"),
        ('{"weights": [[1,\n2 @3]]}', "not JSON: expecting ',' delimiter"),
        ("{@'weights': [[1]]}", "not JSON: text stands in single quotes; use double ones"),
        ('{"weights": [[1, 2@,\n]]}', "not JSON: a comma after the last value; remove it"),
        ('{"weights": [[1, 2]]@, }', "not JSON: a comma after the last value; remove it"),
        ('{"weights": [[1]], @// a remark\n}', "not JSON"),
        ("[[1]]\n@[[2]]", "not JSON: something follows the end; a kernel is"),
        ("[[@.5]]", "not JSON: expecting value"),
        ("[[@+1]]", "not JSON: expecting value"),
        ("[[0@x10]]", "not JSON: expecting ',' delimiter"),
        ('{"name": @"NaN [[[', "not JSON: unterminated string"),
        ('{"name": "a@\tb"}', "not JSON: invalid control character"),
        ("[[1,\n @NaN]]", "NaN is not a number a kernel can hold; use a finite number"),
        ("[[1,\n @Infinity]]", "Infinity is not a number a kernel can hold; use a finite number"),
        ("[[1,\n @-Infinity]]", "-Infinity is not a number a kernel can hold; use a finite number"),
        ('{"a": 1,\n "a": @2}', '"a" stands here a second time; remove one'),
        ('{"a": 1,\n "\\u0061": @2}', '"a" stands here a second time; remove one'),
        ('{"": 1, "": @2}', '"" stands here a second time; remove one'),
        ('[{"a": [{"b": 1},\n {"b": 1, "c": {}, "b": @[]}]}]', '"b" stands here a second time; remove one'),
        ("[" * MAX_DEPTH + "\n@" + "[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("[" * MAX_DEPTH + "@" + "[" * 100_000 + "]" * 100_032, f"nested deeper than {MAX_DEPTH} levels"),
        ('{"a":' * MAX_DEPTH + "@" + '{"a":' * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("[[1,\n@" + "9" * 5000 + "]]", "a number of 5000 characters; use fewer digits"),
        ("[[@-" + "9" * MAX_DIGITS + "]]", f"a number of {MAX_DIGITS + 1} characters; use fewer digits"),
        ("[[@0." + "9" * MAX_DIGITS + "]]", f"a number of {MAX_DIGITS + 2} characters; use fewer digits"),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_a_mistake_is_told_where_it_stands(text, says):
    """Whatever json rejects, and what it lets through, is reported with line and column."""
    text, place = marked(text)
    assert error_of(Document, text, "k.json").startswith(f"k.json:{place}: {says}")


@pytest.mark.parametrize("text", ['{"a": 1,\n "b": [1, 2, ]}', '{"a": 1,\n "b": 2,}'])
def test_a_comma_too_many_is_told_with_its_line(text):
    """Python versions differ in the column and the words, which are json's own."""
    assert error_of(Document, text, "k.json").startswith("k.json:2:")


@pytest.mark.parametrize(
    "text",
    [
        '{"note": "NaN, Infinity, {[[[ and \\"Infinity\\""}',
        '{"a": {"x": 1}, "b": {"x": 1}, "x": 1}',
        '[{"a": 1}, {"a": 1}]',
        '{"": {"": {"": []}}}',
        '{"a": "a", "b": "a"}',
        "[" * MAX_DEPTH + "]" * MAX_DEPTH,
        "9" * MAX_DIGITS,
        '{"' + "9" * 500 + '": "' + "9" * 500 + '"}',
        " \n [1e-999, -0.0, 1E5]\n",
        '"\\ud800"',
    ],
    ids=lambda text: text[:30],
)
def test_right_json_is_left_alone(text):
    """Words inside of strings, equal keys of different objects and the limits themselves are no mistakes."""
    assert Document(text, "k.json").data == json.loads(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def paths(value, path=()):
    """The path of every value in a JSON value."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


@settings(deadline=None)
@given(VALUES, st.sampled_from([None, 1]))
def test_every_value_is_found_where_it_stands(value, indent):
    """`fail` points at the first character of the value that its path leads to, however it is nested."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    document = Document(text, "k.json")
    assert document.data == value
    lines = text.split("\n")
    for path, item in paths(value):
        line, column = map(int, error_of(document.fail, "here", path).split(":")[1:3])
        rest = "\n".join(lines[line - 1 :])[column - 1 :]
        assert json.JSONDecoder().raw_decode(rest)[0] == item


def test_a_place_that_is_not_there_is_its_parents():
    """A missing field is reported where the object that lacks it starts."""
    document = Document('{"a":\n {"b": 1}}', "k.json")
    assert error_of(document.fail, "no c", ("a", "c", "d")) == "k.json:2:2: no c"


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet='{}[]:,"\\ \n0123456789.eE+-truefalsn NaIity\ud800é', max_size=60) | st.text())
def test_any_text_is_json_or_a_clear_error(text):
    """No text brings anything but what json makes of it, or a FilterError of one line."""
    try:
        data = Document(text, "k.json").data
    except FilterError as error:
        assert str(error).startswith("k.json:")
        assert str(error).isprintable()
    else:
        assert data == json.loads(text)


@pytest.mark.parametrize(
    "text",
    ['"' + '\\"' * 200_000, '"' * 400_001, "\\" * 400_000, "[" + '"\\' * 200_000, "{" * 400_000],
    ids=ascii,
)
def test_a_hostile_text_takes_no_longer_than_a_long_one(text):
    """Checking takes time in proportion to the length: no text makes it square."""
    start = time.process_time()
    error_of(Document, text, "k.json")
    assert time.process_time() - start < 2


# --- files ---------------------------------------------------------------------------------------


def test_a_file_may_start_with_a_byte_order_mark(tmp_path):
    """A BOM, as Windows editors write it, is skipped and not counted as a column."""
    path = tmp_path / "k.json"
    path.write_bytes(b"\xef\xbb\xbf[[1]]")
    assert Document.read(path).data == [[1]]
    path.write_bytes(b"\xef\xbb\xbf[[NaN]]")
    assert error_of(Document.read, path).startswith(f"{path}:1:3: NaN")


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"weights": [[1]],\n "name": "caf\xe9"}', "2:14"),
        ('{"name": "é ü",\n "ö": "'.encode() + b'\xff"}', "2:8"),
        (b'\xef\xbb\xbf"\xff"', "1:2"),
        ('{"weights": [[1]]}'.encode("utf-16"), "1:1"),
    ],
    ids=ascii,
)
def test_a_file_that_is_not_utf8_is_told(tmp_path, raw, place):
    """The place is that of the first wrong byte, in characters."""
    path = tmp_path / "k.json"
    path.write_bytes(raw)
    assert error_of(Document.read, path) == f"{path}:{place}: not UTF-8 text; save the file as UTF-8"


def test_the_cap_on_bytes(tmp_path):
    """MAX_BYTES are read; one more is an error."""
    path = tmp_path / "k.json"
    path.write_bytes(b"[[1]]" + b" " * (MAX_BYTES - 5))
    assert Document.read(path).data == [[1]]
    path.write_bytes(b"[[1]]" + b" " * (MAX_BYTES - 4))
    assert error_of(Document.read, path) == f"{path}: larger than 8 MiB; a kernel file is a few kB"


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("", "give the path of a JSON file"),
        ("none.json", "check the name"),
        ("none/k.json", "check the name"),
        ("sobel", "did you mean"),
        ("sobl.json", "did you mean"),
        ("a\0b.json", "give the path of a JSON file"),
        ("\ud800.json", "give the path of a JSON file"),
        ("x" * 5000 + ".json", "give the path of a JSON file"),
    ],
    ids=ascii,
)
def test_a_file_that_cannot_be_opened_is_told(tmp_path, name, step):
    """A folder, a missing file and names no file can have end with the fix, or with what may be meant."""
    (tmp_path / "sobel.json").write_text("[[1]]")
    step = f"did you mean {tmp_path / 'sobel.json'}?" if step == "did you mean" else step
    assert error_of(Document.read, tmp_path / name).endswith(f"; {step}")


def test_binary_data_is_no_encoding(tmp_path):
    """An archive or a picture under a filter's name is named as such, not as text to be saved anew."""
    (tmp_path / "k.json").write_bytes(b"PK\3\4\0\0\x80\xff")
    assert "no text but binary data" in error_of(Document.read, tmp_path / "k.json")
    (tmp_path / "k.json").write_bytes("[[1]]".encode("utf-16"))
    assert error_of(Document.read, tmp_path / "k.json").endswith("not UTF-8 text; save the file as UTF-8")
