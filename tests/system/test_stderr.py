"""The process's descriptors and signals: stderr held back or closed, and signals that are ignored."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convfilter.system import interrupts as signals
from convfilter.system import stderr

POSIX = pytest.mark.skipif(os.name != "posix", reason="descriptors and signals of POSIX")


def python(code: str, redirect: str = "") -> subprocess.CompletedProcess:
    """Run the code in a Python of its own, started by a shell with this redirection."""
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirect}', sys.executable, code]
    return subprocess.run(command, input=b"", capture_output=True, timeout=60)


# quiet


def test_what_native_code_writes_is_held_back(capfd):
    with stderr.quiet():
        os.write(2, b"chatter\n")
    assert capfd.readouterr().err == ""


def test_it_is_shown_where_the_body_raises(capfd):
    with pytest.raises(ValueError, match="mine"), stderr.quiet():
        os.write(2, b"the reason\n")
        raise ValueError("mine")
    assert capfd.readouterr().err == "the reason\n"
    with pytest.raises(ValueError, match="mine"), stderr.quiet(replay=False):
        os.write(2, b"chatter\n")
        raise ValueError("mine")
    assert capfd.readouterr().err == ""


@POSIX
@pytest.mark.parametrize("how", ["os.close(2)", "pass"])
def test_a_file_that_got_the_number_of_stderr_is_left_alone(tmp_path, how):
    """Read and written inside quiet; the program closed stderr, or was started so."""
    path = tmp_path / "picture"
    path.write_bytes(b"pixels" * 10_000)
    code = f"""if True:
        import os, sys
        from convfilter.system.stderr import quiet
        {how}
        read = open({str(path)!r}, "rb", buffering=0)
        assert read.fileno() == 2, read.fileno()
        with quiet():
            assert read.read() == b"pixels" * 10_000
        read.close()
        made = open({str(path)!r} + "2", "wb", buffering=0)
        assert made.fileno() == 2
        with quiet():
            made.write(b"result")
        made.close()
        assert open({str(path)!r} + "2", "rb").read() == b"result"
        print("well")
    """
    done = python(code, "2>&-" if how == "pass" else "")
    assert done.stdout == b"well\n", done


@POSIX
def test_quiet_needs_no_folder_for_temporary_files():
    """Where none can be written the body runs all the same, quiet if the system has files in memory."""
    code = """if True:
        import os, tempfile
        from convfilter.system.stderr import quiet
        def nowhere():
            raise FileNotFoundError("no usable temporary directory")
        tempfile._get_default_tempdir = nowhere
        with quiet():
            os.write(2, b"first ")
        if hasattr(os, "memfd_create"):
            del os.memfd_create
        with quiet():
            os.write(2, b"second")
    """
    done = python(code)
    wanted = b"second" if hasattr(os, "memfd_create") else b"first second"
    assert (done.returncode, done.stderr) == (0, wanted)


@POSIX
def test_quiet_without_a_descriptor_left():
    code = """if True:
        import os, resource
        from convfilter.system.stderr import quiet
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        for _ in range(2):
            with quiet():
                os.write(2, b"seen ")
        os.close(0)  # one is left
        with quiet():
            os.write(2, b"too")
        os.fstat(2)
    """
    done = python(code)
    assert (done.returncode, done.stderr) == (0, b"seen seen too")


# Descriptors that are closed


@POSIX
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 2>&-", "0<&- 1>&- 2>&-"])
def test_the_command_leaves_no_standard_descriptor_free(tmp_path, closed):
    """So no file gets one; those that are open stay what they are."""
    code = f"""if True:
        import os, sys
        sys.argv[1:] = ["--version"]
        from convfilter.__main__ import main
        before = [sys.stdin, sys.stdout, sys.stderr]
        main()
        assert before == [sys.stdin, sys.stdout, sys.stderr]
        picture = open({str(tmp_path / "found")!r}, "w")
        nothing = os.stat(os.devnull).st_rdev
        print([picture.fileno() > 2, *(os.fstat(n).st_rdev == nothing for n in range(3))], file=picture)
    """
    assert python(code, closed).returncode == 0
    wanted = [True, "0<&-" in closed, "1>&-" in closed, "2>&-" in closed]
    assert (tmp_path / "found").read_text() == f"{wanted}\n"


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_sound_tiffs_with_a_descriptor_closed(tmp_path, camera, closed, monkeypatch):
    """Many at once, each the same as with all descriptors open."""
    (tmp_path / "in").mkdir()
    for number in range(24):
        Image.fromarray(np.roll(camera, number)).save(tmp_path / "in" / f"{number}.tif")
    code = """if True:
        import sys
        from convfilter.__main__ import main
        sys.argv[1:] = "apply sobel in {} -r -q -j 4".split()
        main()
    """
    monkeypatch.chdir(tmp_path)
    assert python(code.format("wanted")).returncode == 0
    assert python(code.format("found"), closed).returncode == 0
    for path in Path("wanted").iterdir():
        assert Path("found", path.name).read_bytes() == path.read_bytes()


# Signals


@POSIX
@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"])
def test_a_signal_ignored_at_the_start_stays_ignored(name):
    """SIGHUP under nohup; SIGINT in what a script runs in the background. Others still end the command."""
    code = f"""if True:
        import os, signal
        from convfilter.cli import run
        run(["--version"])
        os.kill(os.getpid(), signal.{name})
        print("alive", flush=True)
        os.kill(os.getpid(), signal.SIGXCPU)
        print("dead")
    """
    started = ["sh", "-c", f'trap \'\' {name[3:]}; exec "$0" -c "$1"', sys.executable, code]
    done = subprocess.run(started, capture_output=True, timeout=60)
    assert done.stdout.splitlines()[-1] == b"alive", done
    assert done.returncode == 128 + signal.SIGXCPU


@POSIX
def test_a_signal_not_ignored_ends_the_command():
    code = """if True:
        import os, signal
        from convfilter.cli import run
        run(["--version"])
        os.kill(os.getpid(), signal.SIGHUP)
        print("alive")
    """
    done = python(code)
    assert (done.returncode, b"alive" in done.stdout) == (128 + signal.SIGHUP, False)


@POSIX
def test_install_leaves_ignored_signals(monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signals.install()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signals._handle
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.slow
@POSIX
def test_nohup(tmp_path, camera):
    """A hangup in the middle of a run that nohup protects: every picture is written."""
    (tmp_path / "in").mkdir()
    for number in range(30):
        Image.fromarray(camera).save(tmp_path / "in" / f"{number}.png")
    command = ["nohup", sys.executable, "-m", "convfilter", "apply", "sobel", "in", "out", "-r"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        while running.poll() is None and not list((tmp_path / "out").glob("*.png")):
            pass
        running.send_signal(signal.SIGHUP)
        assert running.wait(60) == 0
    assert len(list((tmp_path / "out").iterdir())) == 30
