"""The pins resolve to wheels, without a compiler, on every system and Python that docs/install.md
names. Only lists of files are downloaded; the sizes are those in the lists."""

import os
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

from exercises.format.notebooks import ROOT

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.proof, pytest.mark.needs("index")]
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
PYTHONS = ["3.11.0", "3.11.9", "3.12", "3.13", "3.14"]
LEARNER = ("course",)
TESTS = (*LEARNER, "test")
NVIDIA = ("nvidia-", "cuda-", "triton")


def resolve(system, python, extras, folder):
    """The packages that an installation brings, as a lock file lists them, or uv's message."""
    name = f"{SYSTEMS[system]}-{python}-{len(extras)}".replace(".", "-")
    lock = folder / f"pylock.{name}.toml"
    words = ["uv", "--no-config", "pip", "compile", "--quiet", "--no-build", "--no-header"]
    words += ["--python-platform", SYSTEMS[system], "--python-version", python]
    words += ["-c", "constraints.txt", *(f"--extra={name}" for name in extras), "pyproject.toml"]
    words += ["--format", "pylock.toml", "--output-file", str(lock)]
    patient = os.environ | {"UV_HTTP_RETRIES": "8", "UV_HTTP_TIMEOUT": "120"}
    patient["UV_PYTHON_DOWNLOADS"] = "never"  # this Python will do; another comes from no registry
    done = subprocess.run(words, cwd=ROOT, env=patient, capture_output=True, encoding="utf-8")
    if done.returncode:
        return done.stderr[-2000:]
    return tomllib.loads(lock.read_text(encoding="utf-8"))["packages"]


def gigabytes(packages):
    """The largest wheel of each: an upper bound where there are several for one system."""
    return sum(max(wheel.get("size", 0) for wheel in each["wheels"]) for each in packages) / 1e9


@pytest.fixture(scope="module")
def locks(tmp_path_factory):
    """{(system, python, extras): packages}; several at once, because each waits for the index."""
    folder = tmp_path_factory.mktemp("locks")
    wanted = [(system, python, TESTS) for system in SYSTEMS for python in PYTHONS]
    wanted += [(system, "3.13", LEARNER) for system in SYSTEMS] + [("macOS arm64", "3.13", ())]
    with ThreadPoolExecutor(6) as pool:
        return dict(zip(wanted, pool.map(lambda words: resolve(*words, folder), wanted)))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_pin_has_a_wheel(system, python, locks, record_property):
    packages = locks[system, python, TESTS]
    assert isinstance(packages, list), f"{system}, Python {python}: {packages}"
    assert all(each.get("wheels") for each in packages)
    size = f"{len(packages)} packages, {gigabytes(packages):.2f} GB"
    record_property("said", f"{system}, Python {python}, with what tests need: {size}")


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_a_learner_downloads(system, locks, record_property):
    """What the CUDA build of torch alone costs is listed separately. docs/install.md states the
    sizes."""
    packages = locks[system, "3.13", LEARNER]
    cards = [each for each in packages if each["name"].startswith(NVIDIA)]
    rest = [each for each in packages if each not in cards and each["name"] != "torch"]
    torch = next(each for each in packages if each["name"] == "torch")
    record_property(
        "said",
        f"{system}: {len(packages)} packages, {gigabytes(packages):.2f} GB: "
        f"torch {gigabytes([torch]):.2f}, for NVIDIA cards {gigabytes(cards):.2f}, "
        f"all others {gigabytes(rest):.2f} GB",
    )
    assert bool(cards) == system.startswith("Linux")
    assert 0.02 < gigabytes(rest) < 0.2


def test_the_engine_alone_is_small(locks):
    """torch, what torch brings, and three more."""
    names = {each["name"] for each in locks["macOS arm64", "3.13", ()]}
    torch = "torch filelock fsspec jinja2 markupsafe mpmath networkx setuptools sympy"
    assert names == {*torch.split(), "typing-extensions", "numpy", "regex", "safetensors"}
