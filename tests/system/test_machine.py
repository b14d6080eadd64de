"""What a process may use: the limits of containers, of batch systems and of the shell, and users without a home."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convfilter.filters import catalogue
from convfilter.system import cache, machine

GB = 2**30
# What did not come compiled, and has to be kept
COMPILED = ("--activation", "sparsemax", "--range", "rescale")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="ulimit -v and /proc are Linux's")
MEMINFO = "MemTotal:       33554432 kB\nMemFree:         1048576 kB\nMemAvailable:   16777216 kB\n"  # 16 GB


def tree(root: Path, **files: str) -> Path:
    """Files below root; "__" in a name stands for "/"."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def group(folder: Path, **files: object) -> None:
    """The files of a control group; "_" after the controller's name stands for "."."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{text}\n")


def version_2(root: Path, path: str, top: str = "/") -> Path:
    """A machine with 16 GB free whose process is in the group `path`; where the groups are."""
    mount = f"30 23 0:26 {top} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    tree(root, proc__meminfo=MEMINFO, proc__self__cgroup=f"0::{path}\n", proc__self__mountinfo=mount)
    return root / "sys/fs/cgroup"


def version_1(root: Path, path: str, top: str = "/") -> Path:
    mounts = (
        f"31 23 0:27 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        f"32 23 0:28 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "33 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "34 23 8:1 / / rw - ext4 /dev/sda1 rw\n"
    )
    groups = f"5:memory:{path}\n4:cpu,cpuacct:{path}\n1:name=systemd:/init.scope\n0::/init.scope\n"
    tree(root, proc__meminfo=MEMINFO, proc__self__cgroup=groups, proc__self__mountinfo=mounts)
    return root / "sys/fs/cgroup"


def test_no_limit_leaves_what_the_machine_has(tmp_path):
    groups = version_2(tmp_path, "/user.slice/a.scope")
    group(groups / "user.slice/a.scope", memory_max="max", memory_current=GB)
    assert machine.available_memory(tmp_path) == 16 * GB


def test_a_system_that_says_nothing(tmp_path):
    assert machine.available_memory(tmp_path) is None
    assert machine.address_space(tmp_path) is None
    assert machine.cores(tmp_path) == machine.schedulable_cores() == cores_of_this_process()


def cores_of_this_process() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def test_the_limit_of_a_group(tmp_path):
    """What the limit leaves, and the file cache that the kernel takes back before it kills."""
    groups = version_2(tmp_path, "/a")
    stat = f"anon {GB}\nfile {GB}\ninactive_file {GB // 2}\nactive_file {GB // 2}"
    group(groups / "a", memory_max=4 * GB, memory_current=3 * GB, memory_stat=stat)
    assert machine.available_memory(tmp_path) == GB + GB // 2


def test_the_limit_of_a_group_around(tmp_path):
    """A batch system limits the job; the step in it says "max"."""
    groups = version_2(tmp_path, "/slurm/job_7/step_0")
    group(groups / "slurm/job_7/step_0", memory_max="max", memory_current=GB)
    group(groups / "slurm/job_7", memory_max=3 * GB, memory_current=GB, memory_stat="inactive_file 0")
    group(groups / "slurm", memory_max=20 * GB, memory_current=GB, memory_stat="inactive_file 0")
    assert machine.available_memory(tmp_path) == 2 * GB


@pytest.mark.parametrize(
    ("path", "top"),
    [("/", "/"), ("/docker/ab12", "/docker/ab12"), ("/../cd34", "/"), ("/elsewhere", "/docker/ab12")],
)
def test_a_container_sees_its_group_as_the_mount(tmp_path, path, top):
    """With a namespace of its own, without one, and where the path leads out of what it sees."""
    groups = version_2(tmp_path, path, top)
    group(groups, memory_max=2 * GB, memory_current=GB, memory_stat="inactive_file 0", cpu_max="max 100000")
    group(groups.parent, memory_max=1, memory_current=0)  # not a group of this process
    assert machine.available_memory(tmp_path) == GB


def test_a_group_that_holds_more_than_its_limit(tmp_path):
    """As after the limit was lowered."""
    groups = version_2(tmp_path, "/a")
    group(groups / "a", memory_max=GB, memory_current=2 * GB)
    assert machine.available_memory(tmp_path) == 0


def test_version_1(tmp_path):
    groups = version_1(tmp_path, "/docker/ab12") / "memory"
    huge = 9223372036854771712
    group(groups, memory_limit_in_bytes=huge, memory_usage_in_bytes=9 * GB)
    group(groups / "docker", memory_limit_in_bytes=8 * GB, memory_usage_in_bytes=5 * GB)
    inner = groups / "docker/ab12"
    group(inner, memory_limit_in_bytes=huge, memory_usage_in_bytes=5 * GB)
    assert machine.available_memory(tmp_path) == 3 * GB
    (groups / "docker/memory.stat").write_text(f"inactive_file 7\ntotal_inactive_file {GB}\n")
    assert machine.available_memory(tmp_path) == 4 * GB


def test_limits_of_the_process(tmp_path):
    version_2(tmp_path, "/")
    limits = (
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max data size             {}            unlimited            bytes     \n"
        "Max address space         {}           unlimited            bytes     \n"
    )
    tree(tmp_path, proc__self__limits=limits.format("unlimited", "unlimited"))
    tree(tmp_path, proc__self__status="Name:\tpython\nVmSize:\t 1048576 kB\nVmData:\t  524288 kB\n")
    assert machine.available_memory(tmp_path) == 16 * GB
    assert machine.address_space(tmp_path) is None
    tree(tmp_path, proc__self__limits=limits.format("unlimited", 3 * GB))
    assert machine.available_memory(tmp_path) == machine.address_space(tmp_path) == 2 * GB
    tree(tmp_path, proc__self__limits=limits.format(GB, 3 * GB))
    assert machine.available_memory(tmp_path) == GB // 2


@LINUX
def test_a_real_limit_is_seen():
    code = "from convfilter.system.machine import available_memory; print(available_memory())"
    said = subprocess.check_output(["bash", "-c", f"ulimit -v 300000; exec {sys.executable} -c '{code}'"])
    assert 100_000_000 < int(said) < 300_000 * 1024


@pytest.mark.parametrize(
    ("said", "wanted"), [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1)]
)
def test_cores_of_a_group(tmp_path, monkeypatch, said, wanted):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    groups = version_2(tmp_path, "/a/b")
    group(groups / "a/b", cpu_max="max 100000")
    group(groups / "a", cpu_max=said)
    assert machine.cores(tmp_path) == wanted
    assert machine.schedulable_cores() == 8


@pytest.mark.parametrize(("quota", "wanted"), [(-1, 8), (300000, 3), (900000, 8)])
def test_cores_of_a_group_of_version_1(tmp_path, monkeypatch, quota, wanted):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    groups = version_1(tmp_path, "/a")
    group(groups / "cpu,cpuacct/a", cpu_cfs_quota_us=quota, cpu_cfs_period_us=100000)
    assert machine.cores(tmp_path) == wanted


def test_the_engine_takes_as_many_threads(monkeypatch):
    from convfilter.engines import choose

    monkeypatch.setattr(choose, "cores", lambda: 3)
    assert choose.choose_engine("compiled", device="cpu").threads == 3


@LINUX
@pytest.mark.parametrize(
    "limit", [pytest.param("-n 16", marks=pytest.mark.slow), "-v 160000", "-v 200000", "-v 400000"]
)
def test_little_of_what_a_process_needs(tmp_path, camera, limit):
    """A filter that is compiled already does its work, or lines say what is wanting; it never just ends."""
    done = under(tmp_path, camera, limit, {})
    lines = done.stderr.decode().splitlines()
    assert done.returncode in (0, 1, 2), done
    assert bool(lines) == (done.returncode > 0)
    assert all(line.startswith("Error: ") for line in lines), done.stderr


@LINUX
@pytest.mark.parametrize("limit", ["-v 200000", "-v 1000000", "-v 2000000"])
def test_little_address_space_for_a_first_run(tmp_path, camera, limit):
    """Keras would be needed, and would crash: one line says so."""
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = under(tmp_path, camera, limit, env, "--activation sparsemax")
    assert done.returncode in (1, 2), done
    assert [line[:7] for line in done.stderr.decode().splitlines()] == ["Error: "]


def under(tmp_path, camera, limit, env, options=""):
    """Six TIFFs, four at once, by a command under this limit."""
    for number in range(6):
        Image.fromarray(camera).save(tmp_path / f"{number}.tif")
    command = f"ulimit {limit}; exec {sys.executable} -m convfilter apply sobel {tmp_path}/*.tif out/ {options} -j 4 -q"
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, cwd=tmp_path, env={**os.environ, **env}, timeout=60
    )


@pytest.mark.parametrize(
    ("error", "limit", "shown"),
    [
        (MemoryError(), None, True),
        (ImportError("libx.so: failed to map segment from shared object"), 9, True),
        (SystemError("error return without exception set"), 9, True),
        (RuntimeError("a mistake of ours"), None, False),
    ],
)
def test_not_enough_memory_is_one_line(monkeypatch, convfilter, photo, error, limit, shown):
    """Under a limit libraries fail in many ways; without one only MemoryError is no mistake of ours."""
    monkeypatch.setattr("convfilter.filters.load.make_pipeline", lambda *_, **__: raising(error))
    monkeypatch.setattr("convfilter.system.machine.address_space", lambda: limit)
    if not shown:
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            convfilter("apply", "sobel", photo, "out.png")
        return
    done = convfilter("apply", "sobel", photo, "out.png")
    assert (done.code, done.err.count("\n")) == (1, 1)
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    assert done.err.startswith(f"Error: not enough memory, it seems ({said})")


def raising(error):
    raise error


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home folder, whom the system does not know, as in a container."""
    pwd = pytest.importorskip("pwd")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "KERAS_HOME", "KERAS_BACKEND"):
        monkeypatch.setenv(name, "")  # so that what is set below is undone
        monkeypatch.delenv(name)

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.parametrize("xdg", [None, "", "/somewhere", "/with a space /", "relative", "~/x", "//two"])
@pytest.mark.parametrize("home", [None, "", "/home/me", "/", "relative", "/home/me/"])
@pytest.mark.parametrize("kind", ["cache", "config"])
def test_folders_are_where_platformdirs_has_them(monkeypatch, xdg, home, kind):
    """Whatever the variables hold: platformdirs is not imported where they say it all."""
    import platformdirs

    for name, value in ((f"XDG_{kind.upper()}_HOME", xdg), ("HOME", home)):
        monkeypatch.setenv(name, value or "")
        if value is None:
            monkeypatch.delenv(name)
    find = {"cache": platformdirs.user_cache_path, "config": platformdirs.user_config_path}[kind]
    try:
        wanted = find("convfilter")
    except RuntimeError:
        wanted = None
    assert machine.user_folder(kind) == wanted


BLAS = """
import os, sys
os._exit = lambda code: print(os.environ.get("OPENBLAS_NUM_THREADS"), "numpy" in sys.modules)
from convfilter.__main__ import main
main()
if sys.argv[1] == "describe":
    from convfilter.model import boot
    print(os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.parametrize(
    ("command", "env", "told"),
    [
        ("describe sobel", {}, ["1 True", "None"]),
        ("describe sobel", {"OPENBLAS_NUM_THREADS": "3"}, ["3 True", "3"]),
        ("describe sobel", {"OMP_NUM_THREADS": "3"}, ["None True", "None"]),
        ("apply sobel none.png out.png", {}, ["1 True"]),
        ("info --json", {}, ["None True"]),
        ("--help", {}, ["None False"]),
    ],
)
def test_openblas_has_one_thread(tmp_path, command, env, told):
    """In commands that don't import Keras, unless the user says otherwise, and not from Keras' import on."""
    own = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", BLAS, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**own, **env},
    )
    said = done.stdout.splitlines()
    assert said[-len(told) :] == told, done.stderr


@pytest.mark.slow
def test_no_home(homeless, convfilter, photo, monkeypatch):
    """Everything works but the cache, which is told once, and not at all with -q."""
    from convfilter.engines import compiled

    monkeypatch.setattr(compiled, "_kept", {})
    monkeypatch.setattr(compiled, "_refused", {})
    assert machine.user_folder("cache") is None
    assert catalogue.user_folder() is None
    assert cache.entries() == []
    done = convfilter("apply", "sobel", photo, copy_of(photo), "out", *COMPILED)
    assert done.code == 0, done.err
    notes = [line for line in done.err.splitlines() if "kept" in line]
    assert len(notes) == 1
    assert "no home folder; set XDG_CACHE_HOME" in notes[0]
    compiled._kept.clear()
    assert convfilter("apply", "sobel", photo, "out.png", "-q", *COMPILED).err == ""
    assert not Path("~").exists()
    assert convfilter("kernels", "show", "sobel").code == 0
    for command in ("list", "clear", "warm"):
        done = convfilter("cache", command)
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert "set XDG_CACHE_HOME" in done.err


def test_keras_gets_a_home(homeless, tmp_path, monkeypatch):
    """Where the user has none: in the cache folder, else with the temporary files; a wish is respected."""
    from convfilter.backend import house_keras

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "/mine")
    house_keras()
    assert os.environ["KERAS_HOME"] == "/mine"
    monkeypatch.delenv("KERAS_HOME")
    house_keras()
    assert os.environ["KERAS_HOME"] == str(tmp_path / f".keras-{os.getuid()}")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    house_keras()
    assert os.environ["KERAS_HOME"] == str(tmp_path / "cache" / "convfilter" / "keras")


@pytest.mark.slow
def test_a_first_run_without_a_home_leaves_no_folder(homeless, tmp_path, photo):
    """Neither "~" in the current one, nor a home of Keras' that all users would share."""
    code = f"""if True:
        import os, pwd, sys
        def unknown(number):
            raise KeyError(number)
        pwd.getpwuid = unknown
        from convfilter.__main__ import main
        sys.argv[1:] = ["apply", "sobel", {str(photo)!r}, "out.png", "-q"]
        main()
    """
    (tmp_path / "desk").mkdir()
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path / "desk", env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [path.name for path in (tmp_path / "desk").iterdir()] == ["out.png"]


def copy_of(photo):
    return shutil.copy(photo, photo.with_name("copy.png"))


def test_the_cache_follows_its_variable_without_a_home(homeless, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "convfilter"


@pytest.mark.slow
def test_a_cache_that_can_not_be_written_is_told_once(convfilter, photo, tmp_path, monkeypatch):
    """By its name, with the reason and what to do; the picture is the same."""
    from convfilter.engines import compiled

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "_kept", {})
    (tmp_path / "cache").write_text("a file where the folder should be")
    done = convfilter("apply", "sobel", photo, copy_of(photo), "out", *COMPILED)
    assert done.code == 0
    notes = [line for line in done.err.splitlines() if "kept" in line]
    assert len(notes) == 1
    assert str(tmp_path / "cache") in notes[0]
    assert "Not a directory" in notes[0]
    assert "set XDG_CACHE_HOME to a folder that can be written" in notes[0]
    compiled._kept.clear()
    assert convfilter("apply", "sobel", photo, "out.png", "-q", *COMPILED).err == ""


def test_matplotlib_says_nothing_of_its_folder(tmp_path):
    """It can't be written, with a log level at which Matplotlib would say so."""
    code = "from convfilter.train.plots.figures import require_matplotlib as r; r()"
    said = in_a_bad_place(tmp_path, "-c", code)
    assert (said.returncode, said.stderr) == (0, b"")


@pytest.mark.slow
def test_a_run_by_keras_leaves_nothing_of_matplotlib(tmp_path, photo):
    """Keras imports it too: no line on stderr, and no folder is left."""
    said = in_a_bad_place(tmp_path, "-m", "convfilter", "apply", "sobel", photo, tmp_path / "out.png", "-q")
    assert (said.returncode, said.stderr) == (0, b"")
    assert list((tmp_path / "tmp").glob("matplotlib-*")) == []


def in_a_bad_place(tmp_path, *args):
    """Python, where the folders of the user can't be written."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "file").write_text("")
    nowhere = str(tmp_path / "file")
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    env = {**os.environ, **dict.fromkeys(names, nowhere), "TMPDIR": str(tmp_path / "tmp")}
    env.pop("MPLCONFIGDIR", None)
    return subprocess.run([sys.executable, *map(str, args)], capture_output=True, env=env, timeout=120)


def test_no_folder_for_temporary_files(monkeypatch):
    """Said in a line before Keras fails for want of one."""
    from convfilter.errors import BackendError
    from convfilter.model import boot

    monkeypatch.setattr("tempfile.gettempdir", lambda: raising(FileNotFoundError("none")))
    with pytest.raises(BackendError, match="set TMPDIR to one that can"):
        boot.check_room()


def test_too_little_address_space_for_keras(monkeypatch):
    """Where TensorFlow would crash, a line says what it needs."""
    from convfilter.errors import BackendError
    from convfilter.model import boot

    monkeypatch.setattr(boot, "address_space", lambda: 2_000_000_000)
    with pytest.raises(BackendError, match=r"2\.0 GB are left; raise the limit \(ulimit -v\)"):
        boot.check_room()
    monkeypatch.setattr(boot, "address_space", lambda: 100_000_000_000)
    boot.check_room()


def test_a_limit_of_the_group_refuses_a_picture(convfilter, tmp_path, monkeypatch):
    """What the kernel would kill for is refused with a line: the memory asked about is the group's."""
    root = tmp_path / "root"
    groups = version_2(root, "/a")
    group(groups / "a", memory_max=GB, memory_current=GB - 10_000_000)
    monkeypatch.setattr(
        "convfilter.processing.strips.available_memory", lambda: machine.available_memory(root)
    )
    np.save(tmp_path / "large.npy", np.zeros((3000, 4000), np.uint8))
    done = convfilter("apply", "sobel", tmp_path / "large.npy", "out.png")
    assert done.code == 1
    assert "are free" in done.err


@LINUX
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize("limit", ["unlimited", "4000000"])
def test_memory_is_kept_for_the_next_picture(limit):
    """Of eight blocks of 3 MB, 768 pages each, the second time none is new; under a limit all are."""
    code = """
import resource, sys, numpy as np
from convfilter.system.machine import reuse_memory
def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [np.ones(3_145_728, np.uint8) for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
for call in (new_pages, reuse_memory, new_pages, new_pages):
    print(call())
"""
    command = ["bash", "-c", f'ulimit -v {limit}; exec "$0" -c "$1"', sys.executable, code]
    environment = {key: value for key, value in os.environ.items() if "MALLOC" not in key}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    first, _, second, third = done.stdout.split()
    assert min(int(first), int(second)) > 5000
    assert int(third) < 100 if limit == "unlimited" else int(third) > 5000
