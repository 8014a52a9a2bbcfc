#!/bin/sh
# The main job from start to end, on images that the project draws itself: segment
# them with the model that ships, let it learn from a few, segment again, and say
# how good both are. With a folder of your own: segment that.
# usage: demo.sh [FOLDER WITH YOUR IMAGES]
set -eu

images="${1:-}"
work=".demo"
mkdir -p "$work"

if [ -n "$images" ]; then
    echo "Segmenting $images ..."
    unetloop predict "$images" --out "$work/your-results" --recursive --overwrite
    echo "The masks are in $work/your-results/labels; Fiji and napari open them."
    exit 0
fi

if [ ! -d "$work/samples" ]; then
    # Under another name until it is whole, in case somebody interrupts.
    rm -rf "$work/samples.part"
    python -m unetloop.samples "$work/samples.part"
    mv "$work/samples.part" "$work/samples"
fi
segment() { # MODEL FOLDER
    unetloop predict "$work/samples/test/images" --model "$1" --out "$2" --overwrite
    unetloop evaluate --pred "$2/labels" --truth "$work/samples/test/masks"
}

echo "Segmenting sample images with the model that ships ..."
segment nuclei "$work/before"
if [ ! -f "$work/model/model.json" ]; then
    echo "Learning from other sample images for a minute ..."
    unetloop train --images "$work/samples/train/images" \
        --masks "$work/samples/train/masks" --minutes 1 --out "$work/model"
fi
echo "Segmenting the same images with what it has learned ..."
segment "$work/model" "$work/results"
echo "The masks are in $work/results/labels; Fiji and napari open them."
echo "Next: make demo IMAGES=folder, or .venv/bin/napari -w napari-unet-loop"
