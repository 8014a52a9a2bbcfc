#!/bin/sh
# The main job from start to end: train a small model on images that the project
# draws itself, segment nuclei with it, and say how good they are.
# usage: demo.sh [FOLDER WITH YOUR IMAGES]
set -eu

images="${1:-}"
work=".demo"
mkdir -p "$work"

if [ ! -d "$work/samples" ]; then
    # Under another name until it is whole, in case somebody interrupts.
    rm -rf "$work/samples.part"
    python -m unetloop.samples "$work/samples.part"
    mv "$work/samples.part" "$work/samples"
fi
if [ ! -f "$work/model/model.json" ]; then
    echo "Training for one and a half minutes on the sample images ..."
    unetloop train --images "$work/samples/train/images" \
        --masks "$work/samples/train/masks" --minutes 1.5 --out "$work/model"
fi
if [ -n "$images" ]; then
    # A folder of its own: the sample images' results are scored as a whole.
    echo "Segmenting $images ..."
    unetloop predict "$images" --model "$work/model" --out "$work/your-results" \
        --recursive --overwrite
    echo "The masks are in $work/your-results/labels; Fiji and napari open them."
    exit 0
fi
echo "Segmenting sample images that the model has not seen ..."
unetloop predict "$work/samples/test/images" --model "$work/model" \
    --out "$work/results" --overwrite
unetloop evaluate --pred "$work/results/labels" --truth "$work/samples/test/masks"
echo "The masks are in $work/results/labels; Fiji and napari open them."
