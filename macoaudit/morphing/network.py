"""Networks as the lens takes them: images in 0..1 in, logits out, resized where they need it."""

from jaxtyping import Float
from torch import Tensor, nn

from macoaudit.models import LoadedModel, logits_function
from macoaudit.search import whole_view


class Sighted(nn.Module):
    """A loaded network behind its own preprocessing.

    Args:
        model: the network.

    Raises:
        ModelError: when it has no classes.
    """

    def __init__(self, model: LoadedModel) -> None:
        super().__init__()
        self.network = model.module  # a part of this one, so that modes and flags are restored
        self._read, self._size = logits_function(model), model.preprocessing.input_size

    def forward(
        self, images_01: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch num_classes"]:
        """Compute logits of whole images; those of another size than the input's are resized.

        Args:
            images_01: values in 0..1.
        """
        if tuple(images_01.shape[-2:]) != self._size:
            images_01 = whole_view(images_01, self._size).clamp(0, 1)
        return self._read(images_01)
