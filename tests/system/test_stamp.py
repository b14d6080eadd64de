"""Whether a file is unchanged: every way in which one may change, and the moments in which none can tell."""

import os
import time

import pytest

from convfilter.system.stamp import stamp_of

LONG_AGO = 10**9  # seconds


@pytest.fixture
def later(monkeypatch):
    """The clock as it will be in a minute."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)


def test_a_file_just_written_has_no_stamp(tmp_path):
    """Whatever its own time says: the next change may come within the same tick of the clock."""
    path = tmp_path / "a"
    path.write_text("one")
    assert stamp_of(path) is None
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert stamp_of(path) is None


def test_a_stamp_differs_after_any_change(tmp_path, later):
    path = tmp_path / "a"
    path.write_text("one")
    seen = [stamp_of(path)]
    assert seen == [stamp_of(path)] != [None]
    for number, change in enumerate(("two", "three", "four")):
        time.sleep(0.02)
        if number == 1:
            (tmp_path / "b").write_text(change)
            os.replace(tmp_path / "b", path)
        else:
            path.write_text(change)
        os.utime(path, (LONG_AGO, LONG_AGO))  # as tools do that keep a file's time
        seen.append(stamp_of(path))
    assert None not in seen
    assert len({*seen}) == 4


def test_only_regular_files_have_one(tmp_path, later):
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path, tmp_path / "none", tmp_path / "link", tmp_path / "a\0b"):
        assert stamp_of(path) is None
