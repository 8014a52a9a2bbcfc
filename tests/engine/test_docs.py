"""Pages that name all modules, commands and events leave none out; links lead on."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from unetloop import events
from unetloop.server import Server

ROOT = Path(__file__).parents[2]
COMMANDS = {
    name.removeprefix("_do_"): method
    for name, method in inspect.getmembers(Server, inspect.isfunction)
    if name.startswith("_do_")
}
EVENTS = [name for name in events.__all__ if name != "Event"]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def _row(page: str, name: str) -> str:
    """Give the row of a table that begins with a name."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    (row,) = re.findall(rf"^\| [^|]*`{name}`.*$", text, re.MULTILINE)
    return str(row)


@pytest.mark.parametrize("folder", ["src/unetloop", "napari_unet"])
def test_every_module_is_in_a_row_of_the_architecture(folder: str) -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = "".join(line for line in page.splitlines() if line.startswith("|"))
    modules = {path.stem for path in (ROOT / folder).glob("*.py")}
    named = set(re.findall(r"`(\w+)`", rows))
    assert modules - {"__init__", "__main__"} <= named


@pytest.mark.parametrize("name", COMMANDS)
def test_every_field_of_a_command_is_described(name: str) -> None:
    known = set(inspect.signature(COMMANDS[name]).parameters) - {"self", "job"}
    assert known <= set(re.findall(r"`(\w+)`", _row("formats.md", name)))


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_of_an_event_is_described(name: str) -> None:
    known = {field.name for field in fields(getattr(events, name))} - {"job"}
    assert known <= set(re.findall(r"`(\w+)`", _row("formats.md", name)))


def _anchors(page: Path, level: int = 1) -> set[str]:
    """Give what a page's headings, of this level or deeper, are linked by."""
    heading = rf"^#{{{level},}} (.*)$"
    headings = re.findall(heading, page.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in (link for link in links if "://" not in link):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_every_section_of_figures_is_listed_with_what_it_found() -> None:
    page = ROOT / "docs/benchmarks.md"
    listed = re.findall(
        r"^ *- \[[^\]]+\]\(#([^)]+)\): \w", page.read_text("utf-8"), re.M
    )
    assert set(listed) == _anchors(page, level=3)
