"""The report: one file, whole without a network, true to the tables."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from batch_parts import make_model, read_table, run, write_discs
from PIL import Image

from unetloop.checkpoint import Model
from unetloop.report import _table
from unetloop.report_figures import draw_histogram

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import DiscNetwork

_VOID = {"meta", "img", "br", "link", "input", "hr"}


class _Page(HTMLParser):
    """Collects what a page loads, its text, and whether its tags fit together."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.pictures: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "data", "action", "srcset"):
                kept = (
                    self.pictures if (value or "").startswith("data:") else self.loaded
                )
                kept.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(
    tmp_path: Path, disc_network: DiscNetwork, monkeypatch: pytest.MonkeyPatch
) -> _Page:
    monkeypatch.setattr(Model, "network", lambda self, pixels=None: disc_network)
    folder = write_discs(tmp_path / "in", {"a & b.tif": 4, "<i>.tif": 9, "c.tif": 0})
    (folder / "bad.tif").write_text("this is no image")
    model = make_model(tmp_path)
    run(folder, tmp_path / "out", model)
    page = _Page()
    source = (tmp_path / "out/report.html").read_text("utf-8")
    page.feed(source)
    page.close()
    assert page.open == []
    assert "url(" not in source
    assert "@import" not in source
    assert "<script" not in source
    assert "$" not in page.text  # no place of the template is left empty
    return page


def test_it_is_one_file(page: _Page) -> None:
    assert page.loaded == []
    assert len(page.pictures) == 3
    for picture in page.pictures:
        data = base64.b64decode(picture.partition(",")[2])
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= 256


def test_it_says_what_the_tables_say(page: _Page, tmp_path: Path) -> None:
    rows = read_table(tmp_path / "out/summary.csv")
    for row in rows:
        assert row["image"] in page.text
    text = " ".join(page.text.split())
    assert "In 3 images 13 nuclei were found" in text
    reason = next(row["reason"] for row in rows if row["status"] == "failed")
    assert " ".join(reason.split()) in text


def test_the_methods_name_model_numbers_and_works(page: _Page) -> None:
    text = " ".join(page.text.split())
    assert "0" * 64 in text  # the model's hash
    assert "a probability above 0.55" in text
    assert "given as 32 px" in text
    cited = {int(number) for number in re.findall(r"\[(\d)\]", text)}
    listed = text.partition("References")[2].partition("What was run")[0]
    assert cited == set(range(1, listed.count("doi:") + 2))
    assert "10.1007/978-3-319-24574-4_28" in listed


def test_a_histogram_is_well_formed_and_to_scale() -> None:
    svg = draw_histogram("a < b", "µm & px", [0.0, 1.0, 2.0, 3.0], [1, 0, 4])
    bars = [
        element
        for element in ElementTree.fromstring(svg).iter()
        if element.tag.endswith("rect")
    ]
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert len(heights) == 2
    assert heights[1] == pytest.approx(4 * heights[0], abs=0.3)


def test_the_methods_are_not_said_of_images_of_an_earlier_run(
    tmp_path: Path, model: Model
) -> None:
    first = write_discs(tmp_path / "first", {"a.tif": 4, "b.tif": 2})
    second = write_discs(tmp_path / "second", {"c.tif": 3})
    run(first, tmp_path / "out", model)
    text = (tmp_path / "out/report.html").read_text("utf-8")
    assert "earlier run" not in text
    run(second, tmp_path / "out", model, instances={"threshold": 0.7})
    text = " ".join((tmp_path / "out/report.html").read_text("utf-8").split())
    assert "a probability above 0.7 were" in text
    assert "In 1 image 3 nuclei were found" in text
    assert "2 more images are in the tables" in text
    assert "<b>9</b>nuclei" in text
    # The same images by the settings of now: nothing is left to be told apart.
    run([first, second], tmp_path / "out", model, instances={"threshold": 0.7})
    text = " ".join((tmp_path / "out/report.html").read_text("utf-8").split())
    assert "In 3 images 9 nuclei were found" in text
    assert "earlier run" not in text


def test_names_with_markup_are_shown_as_they_are(page: _Page) -> None:
    assert "<i>.tif" in page.text
    assert "a & b.tif" in page.text


def _bars(report: Path, title: str) -> list[str]:
    """What the bars of a chart say when one points at them."""
    for chart in re.findall(r"<svg.*?</svg>", report.read_text("utf-8"), re.DOTALL):
        root = ElementTree.fromstring(chart)
        if root.attrib["aria-label"] == title:
            names = (item for item in root.iter() if item.tag.endswith("title"))
            return [item.text or "" for item in names]
    return []


def test_nuclei_are_counted_in_whole_numbers(tmp_path: Path, model: Model) -> None:
    counts = {f"{count}.tif": count for count in (0, 1, 1, 4, 9)}
    run(write_discs(tmp_path / "in", counts), tmp_path / "out", model)
    bars = _bars(tmp_path / "out/report.html", "Nuclei in an image")
    assert bars == ["0 to 2 nuclei: 2", "4 to 6 nuclei: 1", "8 to 10 nuclei: 1"]


def test_millions_of_nuclei_are_written_to_the_last_digit() -> None:
    row = {"image": "a.tif", "status": "done", "nuclei": 1_234_567, "focus": -2.5}
    cells = re.findall(r'<td class="number">(.*?)<', _table([row], []))
    assert cells == ["1,234,567", "", "", "", "-2.5", ""]
    svg = draw_histogram("a", "nuclei", [0.0, 1.0, 2.0], [1_234_567, 3])
    assert svg.count("1,234,567") == 2  # on the axis, and where one points at the bar


def test_of_a_single_image_no_differences_are_drawn(
    tmp_path: Path, model: Model
) -> None:
    run(write_discs(tmp_path / "in", {"a.tif": 4}), tmp_path / "out", model)
    report = tmp_path / "out/report.html"
    assert _bars(report, "Nuclei in an image") == []
    assert len(_bars(report, "Nucleus diameters")) == 1


@pytest.mark.parametrize(
    ("edges", "ticks"),
    [
        ([0.3281, 0.32815, 0.3282], ["0.3281", "0.32815", "0.3282"]),
        ([0.0, 14.2, 28.4], ["0", "14.2", "28.4"]),
        ([0.0, 500.5, 100_000.0], ["0", "500", "100000"]),
        ([7.0, 7.0, 7.0], ["7", "7", "7"]),
        ([1234.1, 1234.2, 1234.3], ["1234.1", "1234.2", "1234.3"]),
    ],
)
def test_numbers_below_a_histogram_can_be_told_apart(
    edges: list[float], ticks: list[str]
) -> None:
    root = ElementTree.fromstring(draw_histogram("a", "px", edges, [3, 4]))
    texts = [item.text for item in root.iter() if item.tag.endswith("text")]
    assert texts[1:4] == ticks
