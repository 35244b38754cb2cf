"""What networks see in pictures: activations of some layers, the last vector, logits; Inception."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.inversion import whole_view
from macoaudit.methods.pictures import Pictures
from macoaudit.models import (
    LOGITS,
    PENULTIMATE,
    LoadedModel,
    Reading,
    depth_layers,
    frozen,
    read_layouts,
    readings_function,
)
from macoaudit.results import Skipped

N_LAYERS = 3
"""Intermediate layers a network is read at, evenly spaced over its depth, its last block too."""
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"
"""How the digest of the file begins; it is a pickle, so no other file is opened."""


@dataclass(frozen=True)
class Seen:
    """A set of pictures as one network sees it."""

    layers: tuple[Float[Tensor, "picture _"], ...]
    """Activations of the intermediate layers, flattened, as they are."""
    last: Float[Tensor, "picture feature"] | None
    """The vector that the classifier takes."""
    logits: Float[Tensor, "picture num_classes"]


@dataclass(frozen=True)
class Eye:
    """A network that looks at pictures."""

    model: LoadedModel
    own: bool
    """Whether it is the audited network itself."""
    layers: tuple[str, ...]
    has_last: bool
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        """The network's name; says so where it is the audited one."""
        return f"{self.model.name} (audited)" if self.own else self.model.name

    def see(self, pictures: Pictures, batch_size: int) -> Seen:
        """Run the network over a set of pictures once, resized as a whole to its input."""
        readings = _readings(self.layers, self.has_last)
        read = readings_function(self.model, readings)
        size = self.model.preprocessing.input_size
        rows = []
        with frozen(self.model.module), torch.no_grad():
            for start in range(0, len(pictures.classes), batch_size):
                part = pictures.image_01(slice(start, start + batch_size)).to(self.model.device)
                rows.append(read(whole_view(part, size).clamp(0, 1)).float().cpu())
        columns = torch.split(torch.cat(rows), list(self.sizes), dim=1)
        n = len(self.layers)
        return Seen(tuple(columns[:n]), columns[n] if self.has_last else None, columns[-1])


def _readings(layers: Sequence[str], has_last: bool) -> tuple[Reading, ...]:
    names = [*layers, PENULTIMATE] if has_last else list(layers)
    return (*(Reading("layer", name) for name in names), Reading("logits", LOGITS))


def eye(model: LoadedModel, *, own: bool) -> Eye:
    """Choose where a network is read: some blocks, the vector in front of the classifier, logits.

    Raises:
        ModelError: when it has no classes.
    """
    names = depth_layers(model, N_LAYERS)
    has_last = PENULTIMATE in names
    layers = tuple(name for name in names if name != PENULTIMATE)
    with frozen(model.module):
        layouts = read_layouts(model, _readings(layers, has_last))
    return Eye(model, own, layers, has_last, tuple(layout.size for layout in layouts))


def inception_features(
    sets: Sequence[Pictures], path: Path | None, batch_size: int
) -> tuple[str, list[Tensor]] | Skipped:
    """Features of Inception-v3 as the Frechet inception distance takes them (2048 numbers).

    Args:
        sets: pictures.
        path: the weights of torch-fidelity; None looks for them in torch's cache of downloads.
        batch_size: pictures in one forward pass.

    Returns:
        The name of the space and the features of each set, or why there are none.

    Raises:
        UsageError: when a named file is not there or is another one.
    """
    file = path or Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if not file.is_file():
        if path is not None:
            raise UsageError(f"--inception {path}: there is no such file")
        return Skipped(
            "Inception-v3",
            "its weights are not in torch's cache, and nothing is downloaded; give the file "
            f"{INCEPTION_FILE} of torch-fidelity with --inception FILE",
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if not digest.startswith(INCEPTION_SHA256):
        raise UsageError(
            f"--inception {file}: its sha256 begins with {digest[:8]}, torch-fidelity's file's "
            f"with {INCEPTION_SHA256}; get it again"
        )
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        return Skipped(
            "Inception-v3", "torch-fidelity is not installed; install macoaudit[inception]"
        )
    network = FeatureExtractorInceptionV3("inception", ["2048"], str(file))
    found = []
    with torch.no_grad():
        for pictures in sets:
            # Grey pictures are shown to it as three equal channels.
            parts = torch.split(pictures.image_u8.expand(-1, 3, -1, -1), batch_size)
            found.append(torch.cat([network(part)[0].float() for part in parts]))
    return "Inception-v3 pool (torch-fidelity)", found
