"""A paragraph for a paper that says what was done, from what was really done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["describe_class_methods", "describe_methods", "list_references"]

_UNET = (
    "Ronneberger O, Fischer P, Brox T. U-Net: convolutional networks for biomedical "
    "image segmentation. MICCAI 2015, 234-241. doi:10.1007/978-3-319-24574-4_28"
)
_WATERSHED = (
    "Beucher S, Meyer F. The morphological approach to segmentation: the watershed "
    "transformation. In: Mathematical Morphology in Image Processing, 1993, 433-481."
)
_SKIMAGE = (
    "van der Walt S et al. scikit-image: image processing in Python. PeerJ 2:e453, "
    "2014. doi:10.7717/peerj.453"
)
_FOCUS = (
    "Bray MA et al. Workflow and metrics for image quality control in large-scale "
    "high-content screens. J Biomol Screen 17:266-274, 2012. "
    "doi:10.1177/1087057111420292"
)
_NEIGHBOURS = (
    "Sun Y et al. Out-of-distribution detection with deep nearest neighbors. ICML "
    "2022, PMLR 162:20827-20840."
)

_IN_WORDS = {
    "threshold": "probability of the foreground",
    "seed_threshold": "distance of the cores",
    "prominence": "prominence",
    "min_size": "smallest area, as a share of a typical nucleus",
    "min_certainty": "smallest certainty",
}


def list_references(run: Mapping[str, Any]) -> list[str]:
    """List the works that `describe_methods` cites, in order."""
    if run["model"].get("classes"):
        return [_UNET, _FOCUS]
    listed = [_UNET, _WATERSHED, _SKIMAGE, _FOCUS]
    return [*listed, _NEIGHBOURS] if run["model"]["knows_its_images"] else listed


def describe_methods(run: Mapping[str, Any], images: int, nuclei: int) -> str:
    """Say how nuclei were segmented and measured.

    Parameters
    ----------
    run : mapping
        What ``run.json`` says.
    images, nuclei : int
        How many there are in the tables.

    Returns
    -------
    str
        Plain sentences, with numbers of `list_references` in brackets.
    """
    model, settings = run["model"], run["settings"]
    versions, instances = run["versions"], settings["instances"]
    normal = model["normalization"]
    given = settings["diameter"]
    size = (
        f"given as {given:g} px"
        if given
        else "estimated for each image from a first pass of the network"
    )
    backend = run["runtime"]["backend"]
    runtime = f", run with {backend}" if backend else ""
    trained = model["trained_on_images"]
    learned = f", trained on {trained} annotated images" if trained else ""
    flips = (
        " Predictions of four mirror images were averaged." if settings["flips"] else ""
    )
    channel = settings["channel"]
    seen = f" Nuclei were found in channel {channel}." if channel is not None else ""
    if settings["channels"]:
        seen += " In images of other channels, one was chosen for each (run.json)."
    unlike = (
        " How unlike the training images each image is was rated by the distance to "
        "its nearest neighbours among them in a space of image and prediction "
        "statistics [5]."
        if model["knows_its_images"]
        else ""
    )
    return (
        f"Nuclei were segmented with unetloop {versions['unetloop']} "
        f"(napari-unet-loop; Python {versions['python']}, NumPy {versions['numpy']}, "
        f'scikit-image {versions["scikit-image"]}) and the model "{model["name"]}" '
        f"(SHA-256 of "
        f"its weights {model['sha256']}), a U-Net [1] of architecture "
        f"{model['architecture']}{learned}{runtime}. Intensities were scaled so that "
        f"percentiles {normal['low']:g} and {normal['high']:g} of each plane "
        f"became 0 and 1, and images were resized to a nucleus diameter of "
        f"{model['diameter']:g} px; the diameter in the image was {size}.{seen} Tiles "
        f"of at most {settings['tile']} px that overlap by {settings['overlap']} px "
        f"were blended.{flips} The network predicts a foreground probability and the "
        f"normalised distance to the edge of the nucleus. Pixels with a probability "
        f"above {instances['threshold']:.3g} were foreground; it was divided by a "
        f"watershed of the distance map [2] from cores with a distance above "
        f"{instances['seed_threshold']:.3g} and a prominence of at least "
        f"{instances['prominence']:.3g}. Nuclei with a mean certainty below "
        f"{instances['min_certainty']:.3g} or an area below "
        f"{100 * instances['min_size']:.3g} % of a typical nucleus were left out."
        f"{_chosen(instances, model['instances'])} In {images} images "
        f"{nuclei} nuclei were found. Areas, axes, eccentricity, solidity, perimeters "
        f"and intensities are defined as in scikit-image [3]. Focus was rated by "
        f"the slope of the power spectrum [4].{unlike}"
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
    model, settings, versions = run["model"], run["settings"], run["versions"]
    normal, size = model["normalization"], model["pixel_size"]
    names = ", ".join(tissue["name"] for tissue in model["classes"])
    scale = (
        f"images were resized to a pixel size of {size:.4g} µm where theirs was known"
        if size
        else "images were not resized"
    )
    flips = (
        " Predictions of four mirror images were averaged." if settings["flips"] else ""
    )
    trained = model["trained_on_images"]
    learned = f", trained on {trained} annotated images" if trained else ""
    return (
        f"Tissue classes ({names}) were told apart with unetloop "
        f"{versions['unetloop']} (napari-unet-loop; Python {versions['python']}, NumPy "
        f'{versions["numpy"]}) and the model "{model["name"]}" (SHA-256 of its weights '
        f"{model['sha256']}), a U-Net [1] of architecture {model['architecture']}"
        f"{learned}. Intensities were scaled so that percentiles {normal['low']:g} and "
        f"{normal['high']:g} of each plane became 0 and 1, and {scale}. Tiles of at "
        f"most {settings['tile']} px that overlap by {settings['overlap']} px were "
        f"blended.{flips} Each pixel was given the class with the highest probability, "
        f"and areas are numbers of pixels. {images} images were segmented. Focus was "
        f"rated by the slope of the power spectrum [2]."
    )
