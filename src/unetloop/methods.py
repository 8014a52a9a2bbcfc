"""A paragraph for a paper that says what was done, from what was really done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unetloop.catalog import ARCHITECTURES
from unetloop.counts import counted
from unetloop.glare import OUTSHONE
from unetloop.noise import NOISY

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["describe_class_methods", "describe_methods", "list_references"]

_WORKS = {
    "unet": "Ronneberger O, Fischer P, Brox T. U-Net: convolutional networks for "
    "biomedical image segmentation. MICCAI 2015, 234-241. "
    "doi:10.1007/978-3-319-24574-4_28",
    "blobs": "Lindeberg T. Feature detection with automatic scale selection. Int J "
    "Comput Vis 30:79-116, 1998. doi:10.1023/A:1008045108935",
    "watershed": "Beucher S, Meyer F. The morphological approach to segmentation: the "
    "watershed transformation. In: Mathematical Morphology in Image Processing, 1993, "
    "433-481.",
    "skimage": "van der Walt S et al. scikit-image: image processing in Python. PeerJ "
    "2:e453, 2014. doi:10.7717/peerj.453",
    "focus": "Bray MA et al. Workflow and metrics for image quality control in "
    "large-scale high-content screens. J Biomol Screen 17:266-274, 2012. "
    "doi:10.1177/1087057111420292",
    "neighbours": "Sun Y et al. Out-of-distribution detection with deep nearest "
    "neighbors. ICML 2022, PMLR 162:20827-20840.",
}
# Of these the first of the works above is the source.
_PLAIN = ("unet", "unet2015")

_IN_WORDS = {
    "threshold": "probability of the foreground",
    "seed_threshold": "distance of the cores",
    "prominence": "prominence",
    "min_size": "smallest area, as a share of a typical nucleus",
    "min_certainty": "smallest certainty",
}
_POLARITY = {
    "bright": "",
    "dark": " Planes were inverted, because nuclei are darker than their surroundings.",
    "either": " Planes with a bright background were inverted, and of those with "
    "neither a bright nor a dark one those in which blobs, by the determinant of the "
    "Hessian {blobs}, are darker than what lies around them.",
}


def list_references(run: Mapping[str, Any]) -> list[str]:
    """List the works that the methods cite, in order."""
    return list(_works(run).values())


def describe_methods(
    run: Mapping[str, Any], images: int, nuclei: int, reviewed: int = 0
) -> str:
    """Say how nuclei were segmented and measured.

    Parameters
    ----------
    run : mapping
        What ``run.json`` says.
    images, nuclei, reviewed : int
        How many there are in the tables; the last are nuclei that somebody said are
        right, or drew.

    Returns
    -------
    str
        Plain sentences, with numbers of `list_references` in brackets.
    """
    model, settings = run["model"], run["settings"]
    cited, instances = _numbers(run), settings["instances"]
    unlike = (
        " How unlike the training images each image is was rated by the distance to "
        "its nearest neighbours among them in a space of image and prediction "
        f"statistics {cited['neighbours']}."
        if model["knows_its_images"]
        else ""
    )
    all_images = counted(images, "image")
    found = counted(nuclei, "nucleus was", "nuclei were")
    by_hand = (
        f" {counted(reviewed, 'of these was', 'of these were')} confirmed, corrected "
        "or drawn by hand; areas that had been reviewed were taken as they were, and "
        "areas that had been excluded were left out."
        if reviewed
        else ""
    )
    return (
        f"Nuclei were segmented with {_program(run, 'scikit-image')} and "
        f"{_network(run)}. {_intensities(model)}. Images were resized to a nucleus "
        f"diameter of {model['diameter']:g} px; the diameter in the image was "
        f"{_diameter(settings)}."
        f"{_POLARITY[model['normalization']['nuclei']].format(**cited)}"
        f"{_seen(settings)} "
        f"{_tiles(settings)} {_maps(model)} Pixels with a probability above "
        f"{instances['threshold']:.3g} were foreground; it was divided by a watershed "
        f"of the distance map {cited['watershed']} from cores with a distance above "
        f"{instances['seed_threshold']:.3g} and a prominence of at least "
        f"{instances['prominence']:.3g}. Nuclei with a certainty (mean foreground "
        f"probability, weighted by the distance map) below "
        f"{instances['min_certainty']:.3g} or an area below "
        f"{100 * instances['min_size']:.3g} % of a typical nucleus were left out."
        f"{_chosen(instances, model['instances'])} In {all_images} {found} "
        f"found.{by_hand} Areas, axes, eccentricity, solidity, perimeters and "
        f"intensities are defined as in scikit-image {cited['skimage']}. Focus was "
        f"rated by the slope of the power spectrum {cited['focus']}.{unlike}"
    )


def describe_class_methods(run: Mapping[str, Any], images: int) -> str:
    """Say how tissue classes were told apart.

    Parameters
    ----------
    run : mapping
        What ``run.json`` says.
    images : int
        How many there are in the tables.

    Returns
    -------
    str
        Plain sentences, with numbers of `list_references` in brackets.
    """
    model, settings, size = run["model"], run["settings"], run["model"]["pixel_size"]
    names = ", ".join(tissue["name"] for tissue in model["classes"])
    scale = (
        f"Images were resized to a pixel size of {size:.4g} µm where theirs was known"
        if size
        else "Images were not resized"
    )
    segmented = counted(images, "image was", "images were")
    return (
        f"Tissue classes ({names}) were told apart with {_program(run)} and "
        f"{_network(run)}. {_intensities(model)}. {scale}.{_seen(settings)} "
        f"{_tiles(settings)} Each pixel was given the class with the highest "
        f"probability, and areas are numbers of pixels. {segmented} segmented. Focus "
        f"was rated by the slope of the power spectrum {_numbers(run)['focus']}."
    )


def _works(run: Mapping[str, Any]) -> dict[str, str]:
    """Find the works to cite, in the order of the text."""
    model = run["model"]
    listed = {"unet": _WORKS["unet"]}
    network = ARCHITECTURES.get(model["architecture"])
    if network is not None and model["architecture"] not in _PLAIN:
        listed["architecture"] = f"{network.title}: {network.source}"
    names = ["focus"] if model.get("classes") else ["watershed", "skimage", "focus"]
    if not model.get("classes") and model["normalization"]["nuclei"] == "either":
        names = ["blobs", *names]
    listed |= {name: _WORKS[name] for name in names}
    if model["knows_its_images"] and not model.get("classes"):
        listed["neighbours"] = _WORKS["neighbours"]
    return listed


def _numbers(run: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"[{number}]" for number, name in enumerate(_works(run), start=1)}


def _program(run: Mapping[str, Any], *packages: str) -> str:
    versions = run["versions"]
    others = "".join(f", {name} {versions[name]}" for name in packages)
    return (
        f"unetloop {versions['unetloop']} (napari-unet-loop; Python "
        f"{versions['python']}, NumPy {versions['numpy']}{others})"
    )


def _network(run: Mapping[str, Any]) -> str:
    model, cited = run["model"], _numbers(run)
    backend, trained = run["runtime"]["backend"], model["trained_on_images"]
    source, start = cited.get("architecture"), model.get("started_from")
    return (
        f'the model "{model["name"]}" (SHA-256 of its weights {model["sha256"]}), a '
        f"U-Net {cited['unet']} of architecture {model['architecture']}"
        + (f" {source}" if source else "")
        + (f", trained on {counted(trained, 'annotated image')}" if trained else "")
        + (f" from other weights (SHA-256 {start})" if trained and start else "")
        + (f", run with {backend}" if backend else "")
    )


def _intensities(model: Mapping[str, Any]) -> str:
    normal = model["normalization"]
    return (
        f"Intensities were scaled so that percentiles {normal['low']:g} and "
        f"{normal['high']:g} of each plane became 0 and 1; planes with more noise than "
        f"{100 * NOISY:g} % of this range were smoothed by a Gaussian, and planes in "
        f"which few bright pixels left less than {100 * OUTSHONE:g} % of it to all "
        "others were compressed by an inverse hyperbolic sine"
    )


def _diameter(settings: Mapping[str, Any]) -> str:
    given = settings["diameter"]
    size = (
        f"given as {given:g} px"
        if given
        else "estimated for each image from a first pass of the network"
    )
    own = sorted(set((settings.get("diameters") or {}).values()))
    if not own:
        return size
    values = f"{own[0]:g}" if len(own) == 1 else f"{own[0]:g} to {own[-1]:g}"
    return f"given as {values} px for some images (run.json), for the others {size}"


def _seen(settings: Mapping[str, Any]) -> str:
    channel = settings["channel"]
    if_there = settings.get("channel_if_there")
    where = " where an image has it, else its only one or its colours" * bool(if_there)
    seen = f" Channel {channel} was looked at{where}." if channel is not None else ""
    if settings["channels"]:
        seen += " In images of other channels, one was chosen for each (run.json)."
    if settings.get("pixel_size"):
        side = settings["pixel_size"]
        seen += f" Pixels of images that state no size were taken as {side:g} µm wide."
    if settings.get("pixel_sizes"):
        seen += " The size of the pixels of some images was given (run.json)."
    return seen


def _tiles(settings: Mapping[str, Any]) -> str:
    flips = (
        " Predictions of four mirror images were averaged." if settings["flips"] else ""
    )
    return (
        f"Tiles of at most {settings['tile']} px that overlap by "
        f"{settings['overlap']} px were blended.{flips}"
    )


def _maps(model: Mapping[str, Any]) -> str:
    if "distance" in model["maps"]:
        return (
            "The network predicts a foreground probability and the normalised distance "
            "to the edge of the nucleus."
        )
    return (
        "The network predicts a foreground probability; the distance to the edge of "
        "each connected piece of it, over the largest in the piece, was computed."
    )


def _chosen(instances: Mapping[str, float], own: Mapping[str, float]) -> str:
    """Say which of these numbers are not the model's own."""
    by_hand = [
        f"{_IN_WORDS[name]} ({own[name]:.3g})"
        for name, value in instances.items()
        if value != own[name]
    ]
    if not by_hand:
        return ""
    return f" Set by hand (in brackets the model's own value): {', '.join(by_hand)}."
