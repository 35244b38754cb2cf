"""What a class's MACO pictures show of each image: where in it the picture's content lies.

``M(p) = mean_k max_q cos(t_p, t_q(v_ck)) - mean over other classes of the same``, with ``t`` the
centred features of a place in the layers that content is compared in, v_ck the k-th picture of the
image's class. It is the map of retention with class visualisations in the place of inversions.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.models import LoadedModel, content_layers, frozen, grid_function
from macoaudit.retention import content_map, patch_features
from macoaudit.retention.content import pooled_map
from macoaudit.shortcuts.reading import BATCH_SIZE, Classes, Images

_MAX_OTHERS = 12


def shown_maps(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    pictures: Mapping[int, Float[Tensor, "picture channel height width"]],
) -> Float[Tensor, "image rows columns"]:
    """Map what the pictures of its class show of each image.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image.
        pictures: by class, at the network's size; at least two classes.

    Returns:
        At least 0; all zero for images whose class has no picture, and everywhere with fewer than
        two classes to compare.
    """
    names = [layer.name for layer in content_layers(model)]
    readers = [grid_function(model, name) for name in names] or [patch_features]
    maps: Tensor | None = None
    with frozen(model.module), torch.no_grad():
        per_layer = []
        for read in readers:

            def features(batch: Images, read: object = read) -> Tensor:
                parts = torch.split(batch, BATCH_SIZE)
                return torch.cat([read(part.to(model.device)).float().cpu() for part in parts])  # type: ignore[operator]

            own = features(image_01)
            drawn = {index: features(pictures[index]) for index in sorted(pictures)}
            per_layer.append((own, drawn, own.mean((0, 2, 3))))
    for image in range(len(image_01)):
        index = int(classes[image])
        others = [other for other in sorted(pictures) if other != index][:_MAX_OTHERS]
        if index not in pictures or not others:
            continue
        pooled = pooled_map(
            [
                content_map(
                    own[image],
                    drawn[index],
                    torch.stack([drawn[other][:1] for other in others]),
                    center,
                )
                for own, drawn, center in per_layer
            ]
        ).values.clamp_min(0)
        if maps is None:
            maps = torch.zeros(len(image_01), *pooled.shape)
        maps[image] = pooled
    return torch.zeros(len(image_01), 1, 1) if maps is None else maps
