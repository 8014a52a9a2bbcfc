from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr

from unetloop.errors import EngineError
from unetloop.project import open_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    stack = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)
    tifffile.imwrite(tmp_path / "a b.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "a b.tif"


def test_annotations_are_there_when_it_is_opened_again(
    tmp_path: Path, image: Path
) -> None:
    labels = np.arange(600).reshape(20, 30)
    review = (labels % 3).astype(np.uint8)
    with open_project(tmp_path / "p", create=True) as project:
        (entry,) = project.add_images([image])
        assert (entry.planes, entry.height, entry.width) == (3, 20, 30)
        project.write_segmentation(entry, 2, labels)
        project.write_review(entry, 2, review)
    with open_project(tmp_path / "p") as project:
        (entry,) = project.images
        assert project.path_of(entry) == image.resolve()
        np.testing.assert_array_equal(project.read_segmentation(entry, 2), labels)
        np.testing.assert_array_equal(project.read_review(entry, 2), review)
        assert project.read_segmentation(entry, 0).max() == 0


def test_adding_an_image_twice_adds_it_once(tmp_path: Path, image: Path) -> None:
    with open_project(tmp_path / "p", create=True) as project:
        assert project.add_images([image]) == project.add_images([image])
        assert len(project.images) == 1


def test_a_second_program_is_told(tmp_path: Path) -> None:
    with open_project(tmp_path, create=True):
        with pytest.raises(EngineError, match="another program"):
            open_project(tmp_path)
    open_project(tmp_path).close()


def test_a_shared_project_sees_what_the_holder_of_the_lock_adds(
    tmp_path: Path, image: Path
) -> None:
    with open_project(tmp_path / "p", create=True) as own:
        shared = open_project(tmp_path / "p", shared=True)
        assert (own.shared, shared.shared) == (False, True)
        with pytest.raises(EngineError, match="no such image"):
            shared.image("a_b")
        (entry,) = own.add_images([image])
        own.write_review(entry, 1, np.full((20, 30), 2, np.uint8))
        assert shared.image("a_b") == entry
        assert shared.read_review(entry, 1).min() == 2
        (moved,) = own.add_images([image.rename(tmp_path / "moved.tif")])
        assert shared.image("a_b") == entry
        shared.refresh()
        assert shared.image("a_b") == moved
        shared.close()  # the lock is not its own
        with pytest.raises(EngineError, match="another program"):
            open_project(tmp_path / "p")


def test_a_shared_project_changes_nothing(tmp_path: Path, image: Path) -> None:
    with open_project(tmp_path / "p", create=True) as own:
        (entry,) = own.add_images([image])
        shared = open_project(tmp_path / "p", create=True, shared=True)
        before = (tmp_path / "p/project.json").stat().st_mtime_ns
        for change in (
            lambda: shared.add_images([]),
            lambda: shared.write_segmentation(entry, 0, np.ones((20, 30), int)),
            lambda: shared.write_review(entry, 0, np.ones((20, 30), np.uint8)),
        ):
            with pytest.raises(EngineError, match="holds its lock"):
                change()
        assert (tmp_path / "p/project.json").stat().st_mtime_ns == before
        assert not (tmp_path / "p/review").exists()


def test_sharing_makes_no_project(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no project"):
        open_project(tmp_path / "p", create=True, shared=True)
    assert not (tmp_path / "p").exists()


def test_a_moved_image_is_noticed_and_found_again(tmp_path: Path, image: Path) -> None:
    with open_project(tmp_path / "p", create=True) as project:
        (entry,) = project.add_images([image])
        moved = image.rename(tmp_path / "moved.tif")
        with pytest.raises(EngineError, match="was moved"):
            project.path_of(entry)
        (found,) = project.add_images([moved])
        assert found.id == entry.id
        assert project.images == (found,)
        assert project.path_of(found) == moved.resolve()


def test_another_image_does_not_take_the_place_of_a_moved_one(
    tmp_path: Path, image: Path
) -> None:
    with open_project(tmp_path / "p", create=True) as project:
        (entry,) = project.add_images([image])
        image.unlink()
        tifffile.imwrite(image.with_name("other.tif"), np.ones((5, 5), np.uint8))
        (other,) = project.add_images([image.with_name("other.tif")])
        assert project.images == (entry, other)
        assert other.id != entry.id


def test_a_copy_is_an_image_of_its_own_and_equal_ones_go_by_their_names(
    tmp_path: Path, image: Path
) -> None:
    copy = tmp_path / "copy.tif"
    copy.write_bytes(image.read_bytes())
    with open_project(tmp_path / "p", create=True) as project:
        before = project.add_images([image, copy])
        assert before[0].id != before[1].id
        (tmp_path / "there").mkdir()
        moved = [path.rename(tmp_path / "there" / path.name) for path in (copy, image)]
        after = project.add_images(moved)
        assert [entry.id for entry in after] == [before[1].id, before[0].id]
        assert [entry.id for entry in project.images] == [one.id for one in before]


def test_a_zarr_of_another_name_is_another_image(tmp_path: Path) -> None:
    def store(name: str) -> Path:
        array = zarr.create_array(tmp_path / name, shape=(8, 8), dtype="uint8")
        array[:] = 1
        return tmp_path / name

    with open_project(tmp_path / "p", create=True) as project:
        (entry,) = project.add_images([store("a.zarr")])
        (tmp_path / "there").mkdir()
        moved = (tmp_path / "a.zarr").rename(tmp_path / "there" / "a.zarr")
        assert project.add_images([store("b.zarr")])[0].id == "b"
        (found,) = project.add_images([moved])
        assert found.id == entry.id


def test_names_that_differ_in_their_case_only_have_folders_of_their_own(
    tmp_path: Path, image: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "A B.tif"
    other.write_bytes(image.read_bytes())
    with open_project(tmp_path / "p", create=True) as project:
        ids = [entry.id for entry in project.add_images([image, other])]
    assert ids == ["a_b", "A_B_2"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "damaged"),
        ('{"format": "x", "version": 1}', "not ours"),
        ('{"format": "unetloop-project", "version": 99}', "newer version"),
        ('{"format": "unetloop-project", "version": 1, "images": [3]}', "damaged"),
    ],
)
def test_a_bad_project_file_is_one_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "project.json").write_text(content)
    for shared in (False, False, True):  # the lock is let go of
        with pytest.raises(EngineError, match=sentence):
            open_project(tmp_path, shared=shared)


def test_a_full_disk_leaves_the_old_annotation(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_project(tmp_path / "p", create=True) as project:
        (entry,) = project.add_images([image])
        project.write_segmentation(entry, 0, np.ones((20, 30), int))

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(tifffile, "imwrite", full)
        with pytest.raises(EngineError, match="No space left"):
            project.write_segmentation(entry, 0, np.zeros((20, 30), int))
        assert project.read_segmentation(entry, 0).min() == 1
        left = {path.name for path in (tmp_path / "p/segmentation/a_b").iterdir()}
        assert left == {"0.tif"}


def test_a_wrong_size_or_plane_is_refused(tmp_path: Path, image: Path) -> None:
    with open_project(tmp_path / "p", create=True) as project:
        (entry,) = project.add_images([image])
        with pytest.raises(EngineError, match="image's size"):
            project.write_segmentation(entry, 0, np.zeros((3, 3), int))
        with pytest.raises(EngineError, match="planes"):
            project.read_review(entry, 3)


def test_what_a_killed_program_left_half_written_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    open_project(folder, create=True).close()
    rest = folder / "review/a/.0123456789ab.new"
    rest.parent.mkdir(parents=True)
    rest.write_bytes(b"half")
    open_project(folder, shared=True).close()
    assert rest.exists()  # its owner may be writing it
    open_project(folder).close()
    assert not rest.exists()
