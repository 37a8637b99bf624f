"""How many processors the course takes: what the machine, the cgroup and the admin leave it."""

import os

import pytest

from classroom.processors import limit_threads, processors

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def sixteen(monkeypatch):
    """A machine with sixteen processors, and no word of how many threads are wanted."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def plant(root, cgroup, **files):
    """/proc/self/cgroup, and {file in /sys/fs/cgroup: what it holds}; "__" is a slash."""
    for name, text in {"proc/self/cgroup": cgroup}.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    for name, text in files.items():
        folder, file = name.replace("__", "/").rsplit("/", 1)
        (root / "sys/fs/cgroup" / folder).mkdir(parents=True, exist_ok=True)
        (root / "sys/fs/cgroup" / folder / file.replace("_max", ".max")).write_text(text)
    return root


def old(root, group, quota, period="100000"):
    """A quota of a version 1 cgroup."""
    folder = root / "sys/fs/cgroup/cpu" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.cfs_quota_us").write_text(quota)
    (folder / "cpu.cfs_period_us").write_text(period)


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({}, 16),
        ({"user__ada__cpu_max": "200000 100000\n"}, 2),
        ({"user__ada__cpu_max": "150000 100000\n"}, 2),  # a part of a processor counts
        ({"user__ada__cpu_max": "20000 100000\n"}, 1),
        ({"user__ada__cpu_max": "max 100000\n"}, 16),
        ({"user__ada__cpu_max": "max 100000\n", "user__cpu_max": "300000 100000\n"}, 3),
        ({"user__ada__cpu_max": "odd\n"}, 16),
        ({"user__ada__cpu_max": "9900000 100000\n"}, 16),
        ({".__cpu_max": "400000 100000\n"}, 4),  # a container sees its own at the top
    ],
)
def test_a_quota_of_a_cgroup_counts(tmp_path, files, left):
    assert processors(plant(tmp_path, "0::/user/ada\n", **files)) == left


def test_a_quota_of_a_version_1_cgroup_counts_and_another_controller_s_path_does_not(tmp_path):
    root = plant(tmp_path, "9:memory:/small\n4:cpuset,cpu,cpuacct:/user/ada\n0::/\n")
    old(root, "small", "100000")
    assert processors(root) == 16
    old(root, "user/ada", "-1")
    assert processors(root) == 16
    old(root, "user", "250000")
    assert processors(root) == 3


@pytest.mark.parametrize(
    ("asked", "left"), [("1", 1), ("4,2", 4), ("64", 16), ("", 16), ("many", 16), ("0", 1)]
)
def test_the_admin_s_number_of_threads_counts(tmp_path, monkeypatch, asked, left):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert processors(tmp_path) == left


def test_the_processors_that_a_process_may_run_on_count(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    assert processors(tmp_path) == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # macOS, Windows
    assert processors(tmp_path) == 16


def test_torch_and_what_is_started_from_here_know_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    monkeypatch.setenv("OMP_NUM_THREADS", "x")  # to be put back at the end
    monkeypatch.delenv("OMP_NUM_THREADS")
    limit_threads(tmp_path)
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_where_nothing_is_limited_torch_decides(tmp_path, monkeypatch):
    limit_threads(tmp_path)
    assert "OMP_NUM_THREADS" not in os.environ
