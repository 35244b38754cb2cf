"""Which class each image of an audit is of: its folder's, else the network's prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

from macoaudit.auditing.reading import Seen
from macoaudit.concepts import class_of_label
from macoaudit.errors import NoImagesError
from macoaudit.models import LoadedModel
from macoaudit.results import LabelsFrom, Skipped
from macoaudit.visualization.natural_images import class_of_folder

_NAMED = 5
"""Folders that a message lists."""


@dataclass(frozen=True)
class Labelled:
    """The classes of an audit's images."""

    classes: tuple[int, ...]
    """Of each image."""
    by_folder: tuple[bool, ...]
    """Whether a folder says so, image by image; otherwise the network does."""
    notes: tuple[Skipped, ...]
    """Folders that name no class."""

    @property
    def labels_from(self) -> LabelsFrom:
        """Where the classes are from."""
        if all(self.by_folder):
            return "folders"
        return "folders and predictions" if any(self.by_folder) else "predictions"


def named_class(model: LoadedModel, name: str) -> int | None:
    """Find the class that a folder is named after; a WordNet id names one of ImageNet's.

    A number is no name: folders are numbered for many reasons.

    Args:
        model: the network.
        name: of the folder.
    """
    index = class_of_folder(name, model.labels)
    if index is not None or name.strip().isdecimal():
        return index
    return class_of_label(model, name)


def label_images(model: LoadedModel, images: Sequence[Seen]) -> Labelled:
    """Give every image its class.

    Args:
        model: the network.
        images: those that can be used, at least one.
    """
    folders = dict.fromkeys(image.file.label for image in images)
    named = {name: named_class(model, name) for name in folders if name is not None}
    classes, by_folder = [], []
    for image in images:
        index = None if image.file.label is None else named[image.file.label]
        classes.append(image.prediction.index if index is None else index)
        by_folder.append(index is not None)
    unknown = [name for name, index in named.items() if index is None]
    return Labelled(tuple(classes), tuple(by_folder), _note(model, unknown, images))


def _note(
    model: LoadedModel, unknown: Sequence[str], images: Sequence[Seen]
) -> tuple[Skipped, ...]:
    if not unknown:
        return ()
    count = sum(image.file.label in unknown for image in images)
    more = ", ..." if len(unknown) > _NAMED else ""
    listed = ", ".join(unknown[:_NAMED]) + more
    folders = "1 folder names" if len(unknown) == 1 else f"{len(unknown)} folders name"
    theirs = "its 1 image goes" if count == 1 else f"{count} images in there go"
    reason = f"{folders} no class of {model.name} ({listed}): {theirs} by the network's prediction"
    return (Skipped("labels", reason),)


def require_two_classes(model: LoadedModel, labelled: Labelled) -> None:
    """Make sure that there is something to tell apart, before anything is drawn.

    Raises:
        NoImagesError: when all images are of one class.
    """
    found = sorted(set(labelled.classes))
    if len(found) > 1:
        return
    how = {
        "folders": "by their folder",
        "predictions": "as the network predicts (no folder names its class)",
        "folders and predictions": "by their folder or the network's prediction",
    }[labelled.labels_from]
    raise NoImagesError(
        f"IMAGES: all {len(labelled.classes)} usable images are of one class, "
        f"{model.labels[found[0]]}, {how}; a shortcut shows on images of other classes. Give "
        "images of at least two classes, best in folders named after them"
    )
