"""Pretrained weights through timm's own download and cache, pickles and network only if allowed."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from macoaudit.errors import WeightsError
from macoaudit.models.timm_import import import_timm

REMEDIES = (
    "Three ways on: a model card (--model CARD.toml) beside a safetensors file; --weights FILE "
    "with the weights; or --model demo, which needs no network"
)
# The file that timm's repositories hold; asking for it by name keeps timm from taking a pickle.
_SAFE_FILE = "model.safetensors"


@contextmanager
def _network_forbidden(forbidden: bool) -> Iterator[None]:
    """Let the hub's client read its cache only, as ``HF_HUB_OFFLINE=1`` does, and undo it."""
    if not forbidden:
        yield
        return
    from huggingface_hub import constants

    # The client reads the environment once, at import, into this constant.
    before, variable = constants.HF_HUB_OFFLINE, os.environ.get("HF_HUB_OFFLINE")
    constants.HF_HUB_OFFLINE = True
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
        if variable is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = variable


@contextmanager
def _retries_not_told() -> Iterator[None]:
    """Keep the hub client's retry warnings off the terminal: one message says what failed."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _check_source(name: str, *, allow_pickle: bool, offline: bool) -> None:
    """Refuse registry names whose weights are a bare pickle at an address, where not allowed."""
    config = import_timm().get_pretrained_cfg(name)
    if config is None or not (config.hf_hub_id or config.url):
        raise WeightsError(f"--model {name}: timm has no pretrained weights for it. {REMEDIES}")
    if config.hf_hub_id:
        return
    if offline:
        raise WeightsError(
            f"--model {name}: its weights are no hub file and --offline forbids to get them. "
            f"{REMEDIES}"
        )
    if not allow_pickle:
        raise WeightsError(
            f"--model {name}: its only weights are a pickle, which can run code when it is read. "
            f"Add --allow-pickle (it is then read with weights_only=True). {REMEDIES}"
        )


def create_pretrained(
    name: str, *, allow_pickle: bool, offline: bool, kwargs: Mapping[str, Any] | None = None
) -> nn.Module:
    """Create a timm network with its pretrained weights, from the cache or the network.

    Args:
        name: a full timm name or ``hf-hub:OWNER/NAME``.
        allow_pickle: accept weights that are only there as a pickle.
        offline: use the cache only.
        kwargs: for ``timm.create_model``.

    Returns:
        The network.

    Raises:
        WeightsError: when the weights cannot be had; the message gives the three remedies.
    """
    timm = import_timm()
    from_hub = name.startswith(("hf-hub:", "hf_hub:"))
    if not from_hub:
        _check_source(name, allow_pickle=allow_pickle, offline=offline)
    safe = from_hub or bool(timm.get_pretrained_cfg(name).hf_hub_id)
    overlay = {"hf_hub_filename": _SAFE_FILE} if safe and not allow_pickle else None
    try:
        with _network_forbidden(offline), _retries_not_told():
            module: nn.Module = timm.create_model(
                name, pretrained=True, pretrained_cfg_overlay=overlay, **(kwargs or {})
            )
    # The hub's client raises its own, httpx's, the system's and plain errors for one thing: no
    # weights. The cause stays attached and its first line is in the message.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"--model {name}: its pretrained weights cannot be had "
            f"({'offline; ' if offline else ''}{type(error).__name__}: {reason}). {REMEDIES}"
        ) from error
    return module
