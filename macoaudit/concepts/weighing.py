"""What concepts weigh: the class's logit with every mixture of them shut out."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.concepts.importance import total_index_design, total_indices
from macoaudit.concepts.locate import as_factorised, place_coefficients
from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel, resumed_logits

Images = Float[Tensor, "image colour height width"]
Grids = Float[Tensor, "image channel rows columns"]


class Weighing:
    """Importance of concepts for a class's logit: total indices and effects, image by image."""

    def __init__(
        self,
        model: LoadedModel,
        layer: str,
        read: Callable[[Images], Grids],
        class_index: int,
        n_designs: int,
        batch_size: int,
        seed: int,
        tell: Callable[[str, int, int], None],
    ) -> None:
        self._model, self._read, self._class_index = model, read, class_index
        self._resume = resumed_logits(model, layer)
        self._n_designs, self._batch_size, self._seed = n_designs, batch_size, seed
        self._tell = tell

    def __call__(
        self,
        images_01: Images,
        parts: Float[Tensor, "part feature"],
        directions: Float[Tensor, "part channel"],
        *,
        signed: bool,
    ) -> tuple[Float[Tensor, "image part"], Float[Tensor, "image part"]]:
        """Return each image's total indices, and what its logit loses without each concept.

        Raises:
            UsageError: when a logit is not finite, or the design has no power of two rows.
        """
        n = len(parts)
        design = total_index_design(n, self._n_designs, seed=self._seed)
        # Behind the design: everything open, then each concept shut.
        masks = torch.cat([design, design.new_ones(1, n), 1 - torch.eye(n, dtype=design.dtype)])
        totals, effects = [], []
        for image_01 in images_01:
            grid = self._read(image_01[None])
            amounts = place_coefficients(as_factorised(grid, signed=signed), parts)[0]
            added = (amounts[:, None] * directions[:, :, None, None]).float()
            logits = self._logits(image_01[None], grid, added, masks.float())
            totals.append(total_indices(logits[: len(design)], n))
            effects.append(logits[len(design)] - logits[len(design) + 1 :])
            self._tell("weigh", len(effects), len(images_01))
        return torch.stack(totals), torch.stack(effects)

    def _logits(
        self,
        image_01: Images,
        grid: Grids,
        added: Float[Tensor, "part channel rows columns"],
        masks: Float[Tensor, "mask part"],
    ) -> Float[Tensor, " mask"]:
        device = self._model.device
        rows = []
        for part in torch.split(masks, self._batch_size):
            shut = torch.einsum("mp,pchw->mchw", 1 - part, added)
            logits = self._resume(image_01.to(device), (grid - shut).to(device))
            rows.append(logits[:, self._class_index].float().cpu())
        found = torch.cat(rows)
        if not bool(torch.isfinite(found).all()):
            raise UsageError(
                f"--model {self._model.name}: the logit of the class is not finite (NaN or "
                "infinite); check the weights and the precision"
            )
        return found
