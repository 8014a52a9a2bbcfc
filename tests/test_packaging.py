"""What is on the disk is what users get in the wheel."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"napari_unet": ROOT / "napari_unet", "unetloop": ROOT / "src" / "unetloop"}


@pytest.fixture(scope="module")
def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def files_on_disk() -> set[str]:
    """List every file of both packages, as a path inside the wheel."""
    return {
        (Path(name) / path.relative_to(folder)).as_posix()
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_package_on_the_disk_is_named(
    setup_cfg: configparser.ConfigParser,
) -> None:
    named = set(setup_cfg["options"]["packages"].split())
    there = {
        str(Path(path).parent).replace("/", ".")
        for path in files_on_disk()
        if path.endswith("/__init__.py")
    }
    assert named == there


def test_no_folder_with_modules_lacks_an_init() -> None:
    files = files_on_disk()
    folders = {Path(path).parent.as_posix() for path in files if path.endswith(".py")}
    assert {f"{folder}/__init__.py" for folder in folders} <= files


def test_only_test_and_all_extras_name_a_qt_binding(
    setup_cfg: configparser.ConfigParser,
) -> None:
    extras = setup_cfg["options.extras_require"]
    binding = re.compile(r"\b(pyqt|pyside)\d", re.IGNORECASE)
    with_qt = {name for name, text in extras.items() if binding.search(text)}
    assert with_qt <= {"test", "all"}
    required = setup_cfg["options"]["install_requires"].lower()
    assert not binding.search(required)
    assert not any(word in required for word in ("napari", "qtpy"))


def requirements(setup_cfg: configparser.ConfigParser) -> list[str]:
    """Give what is installed, with any extra, as setup.cfg has it."""
    extras = setup_cfg["options.extras_require"].values()
    lines = "\n".join([setup_cfg["options"]["install_requires"], *extras])
    return [line for line in lines.split() if not line.startswith("%")]


def test_every_requirement_names_its_oldest_version(
    setup_cfg: configparser.ConfigParser,
) -> None:
    """``make test-oldest`` takes them from there, and would miss others."""
    form = re.compile(r"[A-Za-z0-9-]+>=[0-9.]+(,<[0-9.]+)?")
    assert [it for it in requirements(setup_cfg) if not form.fullmatch(it)] == []


def test_the_oldest_keras_reads_the_models_that_ship(
    setup_cfg: configparser.ConfigParser,
) -> None:
    """Keras reads what the same or an older minor version has saved."""
    (oldest,) = re.findall(
        r"^keras>=(\d+\.\d+)", "\n".join(requirements(setup_cfg)), re.M
    )
    for path in PACKAGES["unetloop"].glob("pretrained/*/model.keras"):
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(archive.read("metadata.json"))["keras_version"]
        major, minor, *_ = saved.split(".")
        assert (int(major), int(minor)) <= tuple(map(int, oldest.split(".")))


def test_every_python_that_is_allowed_is_named(
    setup_cfg: configparser.ConfigParser,
) -> None:
    allowed = setup_cfg["options"]["python_requires"]
    first, end = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", allowed).groups())
    named = re.findall(r":: 3\.(\d+)", setup_cfg["metadata"]["classifiers"])
    assert list(map(int, named)) == list(range(first, end))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python 3.{first} to 3.{end - 1}" in " ".join(readme.split())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy of what git would carry, without the network."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    for folder in PACKAGES.values():
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                copy = source / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    result = subprocess.run(
        [*command, "--outdir", str(out), str(source)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_every_file_of_both_packages(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == files_on_disk()


def test_models_take_at_most_8_mb_of_the_wheel(wheel: zipfile.ZipFile) -> None:
    models = [item for item in wheel.infolist() if "/pretrained/" in item.filename]
    assert 0 < sum(item.compress_size for item in models) < 8e6


def test_wheel_names_its_entry_points_and_licence(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    text = wheel.read(entry_points).decode()
    assert "unetloop = unetloop.cli:main" in text
    assert "napari-unet-loop = napari_unet:napari.yaml" in text
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())


def test_wheel_carries_the_version_of_the_engine(wheel: zipfile.ZipFile) -> None:
    import unetloop

    (metadata,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    assert f"\nVersion: {unetloop.__version__}\n" in wheel.read(metadata).decode()
