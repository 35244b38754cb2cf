"""Class names: never an empty or a guessed one, "class 17" where nothing is known."""

from collections import Counter
from pathlib import Path

from macoaudit.errors import ModelError
from macoaudit.models.timm_import import import_timm

IMAGENET_1K = "imagenet-1k"

# Sizes of timm's ImageNet subsets that no other label set of its pretrained models shares.
_SUBSET_OF_SIZE = {
    1000: IMAGENET_1K,
    11821: "imagenet-12k",
    21841: "imagenet-22k",
    21843: "imagenet-21k-goog",
    11221: "imagenet-21k-miil",
}


def numbered(num_classes: int) -> tuple[str, ...]:
    """Give the names for classes whose real names are not known: "class 0", "class 1", ..."""
    return tuple(f"class {index}" for index in range(num_classes))


def imagenet_names(subset: str = IMAGENET_1K) -> tuple[str, ...]:
    """Name the classes of an ImageNet subset by their first synonym, each name once.

    A first synonym that two classes share ("crane", "maillot") is replaced by all synonyms, and
    where these are equal too the WordNet id is added.
    """
    info = import_timm().data.ImageNetInfo(subset)
    synonyms = [str(text) for text in info.label_descriptions()]
    short = [text.split(", ")[0] for text in synonyms]
    n_short = Counter(name.lower() for name in short)
    n_long = Counter(synonyms)
    names = []
    for wordnet_id, name, text in zip(info.label_names(), short, synonyms, strict=True):
        if n_short[name.lower()] == 1:
            names.append(name)
        else:
            names.append(text if n_long[text] == 1 else f"{text} ({wordnet_id})")
    return tuple(names)


def imagenet_ids(subset: str = IMAGENET_1K) -> dict[str, int]:
    """Give the class of each WordNet id (``n01440764``), as ImageNet's folders are named."""
    info = import_timm().data.ImageNetInfo(subset)
    return {str(name): index for index, name in enumerate(info.label_names())}


def stock_names(num_classes: int) -> tuple[str, ...]:
    """Name the classes of a stock timm network by the size of its head, or number them."""
    subset = _SUBSET_OF_SIZE.get(num_classes)
    return numbered(num_classes) if subset is None else imagenet_names(subset)


def check_names(names: tuple[str, ...], num_classes: int, source: str) -> tuple[str, ...]:
    """Return the names when there is one for each class.

    Raises:
        ModelError: when the lengths differ (the message says both) or a name is empty.
    """
    if len(names) != num_classes:
        raise ModelError(
            f"{source}: {len(names)} labels came for {num_classes} classes; give one name a "
            "line, in the order of the network's outputs"
        )
    for index, name in enumerate(names):
        if not name.strip():
            raise ModelError(f"{source}: the label of class {index} is empty; give every class one")
    return names


def read_names(path: Path, num_classes: int) -> tuple[str, ...]:
    """Read class names from a text file with one name a line.

    Raises:
        ModelError: when the file cannot be read as UTF-8 text, or has another number of lines.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"labels: {path} cannot be read ({error}). Give a UTF-8 text file with one name a line"
        ) from error
    while lines and not lines[-1].strip():
        lines.pop()
    return check_names(tuple(line.strip() for line in lines), num_classes, f"labels {path}")
