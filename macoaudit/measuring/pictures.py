"""The pictures of a run as tensors: what was written is what is measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.inversion import whole_view
from macoaudit.results import ImageAudit


@dataclass(frozen=True)
class Pictures:
    """Reads the pictures that records name, at the size the network sees."""

    load: Callable[[str], Float[Tensor, "channel height width"]]
    """Path relative to the run folder -> values in [0, 1], as 8 bits hold them."""
    size: tuple[int, int]

    def views(self, paths: Sequence[str]) -> Float[Tensor, "picture channel height width"]:
        """Read pictures and resize them as a whole to what the network sees."""
        return torch.cat([whole_view(self.load(path)[None], self.size) for path in paths])

    def reference(self, image: ImageAudit) -> Float[Tensor, "channel height width"]:
        """The reference of an image."""
        return self.views([image.files["reference"]])[0]

    def inversions(self, image: ImageAudit) -> Float[Tensor, "seed channel height width"]:
        """The inversions of an image, one a seed."""
        return self.views([inversion.files["image"] for inversion in image.inversions])
