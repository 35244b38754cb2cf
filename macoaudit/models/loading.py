"""From what ``--model`` was given to a network that is ready to be audited."""

from pathlib import Path

import torch

from macoaudit.errors import ModelError, UsageError
from macoaudit.models.aliases import PACKAGED
from macoaudit.models.assembly import RANDOM, Parts, Request
from macoaudit.models.cards import read_card
from macoaudit.models.from_card import from_card
from macoaudit.models.from_timm import from_timm
from macoaudit.models.loaded import LoadedModel
from macoaudit.models.weights import state_dict_sha256

_DATA = Path(__file__).parents[1] / "data"


def load_model(
    spec: str | Path,
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    allow_pickle: bool = False,
    offline: bool = False,
    seed: int = 0,
) -> LoadedModel:
    """Load a network with its weights, preprocessing and class names.

    Args:
        spec: ``demo``, ``demo-clean`` or ``demo-judge`` (packaged), an alias, a timm name with or
            without its pretrained tag, ``hf-hub:OWNER/NAME``, or the path of a model card
            (``.toml``).
        weights: None for the model's own, ``"random"`` for seeded random ones, or a file that
            replaces them (``.safetensors``; a pickle only with ``allow_pickle``).
        device: where the network goes, for example ``"cuda:0"``.
        allow_pickle: read pickles, with ``weights_only=True`` and never without.
        offline: never try the network; a hub model must be in the cache.
        seed: of random weights; the global random state is left alone.

    Returns:
        The network in eval mode.

    Raises:
        UnknownModelError: when there is no such name, tag, card or factory.
        WeightsError: when the weights cannot be had, do not fit, or have another digest.
        ModelError: when a card is wrong, or its parts do not fit together.
        UsageError: when the device does not exist.
    """
    place = _device(device)
    own = None if weights is None else RANDOM if str(weights) == RANDOM else Path(weights)
    request = Request(own, allow_pickle, offline, seed)
    text = str(spec)
    if text in PACKAGED:
        parts = _packaged(text, request)
    elif text.endswith(".toml"):
        parts = from_card(read_card(Path(spec)), request)
    else:
        parts = from_timm(text, request)
    module = parts.module.to(place).eval()
    return LoadedModel(
        name=parts.name,
        architecture=parts.architecture,
        module=module,
        preprocessing=parts.preprocessing,
        labels=parts.labels,
        num_classes=len(parts.labels),
        weights_sha256=state_dict_sha256(module),
        weights_origin=parts.origin,
        device=place,
    )


def _device(device: str | torch.device) -> torch.device:
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"--device {device}: cannot be used here ({reason}). Give auto, cpu, "
            "cuda, cuda:N or mps"
        ) from error
    return place


def _packaged(name: str, request: Request) -> Parts:
    card = _DATA / f"{name}.toml"
    if not card.is_file():
        raise ModelError(
            f"--model {name}: {card} is missing, so the installation of macoaudit is damaged. "
            "Install it again"
        )
    return from_card(read_card(card), request, packaged=True)
