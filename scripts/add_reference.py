"""Write into a model folder what the model makes of the images it learned from.

python scripts/add_reference.py src/unetloop/pretrained/nuclei IMAGES [IMAGES ...]

IMAGES are folders that are searched for the files that ``model.json`` names; their
SHA-256 must fit. Weights and thresholds stay as they are. From then on batches say
how unlike these images others are.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from unetloop.atomic import replacing
from unetloop.checkpoint import file_hash, open_model
from unetloop.events import Progress
from unetloop.files import find_images
from unetloop.network import OnnxNetwork
from unetloop.reference import LearnedPlane, learn_reference
from unetloop.scale import Scale


def main() -> int:
    """Find the images, look at them, write the card; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    options = parser.parse_args()
    model = open_model(options.model)
    files = {found.path.name: found.path for found in find_images(options.images, True)}
    planes = []
    for entry in model.card.training["images"]:
        path = files.get(entry["image"])
        if path is not None and file_hash(path) == entry["image_sha256"]:
            planes.append(LearnedPlane(path, entry["plane"], tuple(entry["channels"])))
    network = OnnxNetwork(model.path / "model.onnx")
    work = learn_reference(planes, network, Scale.of(model))
    while True:
        try:
            event = next(work)
            if isinstance(event, Progress):
                sys.stderr.write(f"\r{event.done} of {event.total} ")
        except StopIteration as stop:
            reference = stop.value
            break
    if reference is None:
        sys.stderr.write("Too few of the model's images were found.\n")
        return 1
    card = model.path / "model.json"
    values = json.loads(card.read_text(encoding="utf-8"))
    values["reference"] = reference.to_json()
    with replacing(card) as fresh:
        fresh.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    sys.stderr.write(f"{len(reference.rows)} images are the reference now.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
