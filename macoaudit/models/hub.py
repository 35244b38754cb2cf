"""Pretrained weights through timm's own download and cache, pickles and network only if allowed."""

import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from macoaudit.errors import UnreachableError, WeightsError
from macoaudit.models.timm_import import import_timm

REMEDIES = (
    "Three ways on: a model card (--model CARD.toml) beside a safetensors file; --weights FILE "
    "with the weights; or --model demo, which needs no network"
)
# The file that timm's repositories hold; asking for it by name keeps timm from taking a pickle.
_SAFE_FILE = "model.safetensors"
# The hub's client tries five times and waits longer each time, over 20 s for one file.
_PROBE_S = 5.0


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
        raise UnreachableError(
            f"--model {name}: its weights are no hub file and --offline forbids to get them. "
            f"{REMEDIES}"
        )
    if not allow_pickle:
        raise WeightsError(
            f"--model {name}: its only weights are a pickle, which can run code when it is read. "
            f"Add --allow-pickle (it is then read with weights_only=True). {REMEDIES}"
        )


def hub_reachable(timeout_s: float = _PROBE_S) -> bool:
    """Ask the hub for a sign of life, once; any answer is one.

    Args:
        timeout_s: longest time to wait, looking the address up included.
    """
    from huggingface_hub import constants, get_session

    answered = threading.Event()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=timeout_s)
        except Exception:  # whatever the client in use raises where there is no network
            return
        answered.set()

    # The system's look-up of addresses knows no timeout, so somebody else waits for it.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return answered.is_set()


def _never_cached(repository: str) -> bool:
    """Whether the hub's cache has nothing at all of a repository, so there is nothing to try."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=repository.split("@")[0], repo_type="model")
    return not (Path(constants.HF_HUB_CACHE) / folder).is_dir()


def _is_network_failure(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that of a network that is not there."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    kinds = (LocalEntryNotFoundError, ConnectionError, TimeoutError, socket.gaierror)
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__cause__ or error.__context__
    return False


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
        UnreachableError: when they are not in the cache and there is no network.
        WeightsError: when the weights cannot be had for another reason. The message of both gives
            the three remedies.
    """
    timm = import_timm()
    from_hub = name.startswith(("hf-hub:", "hf_hub:"))
    if not from_hub:
        _check_source(name, allow_pickle=allow_pickle, offline=offline)
    repository = name[7:] if from_hub else timm.get_pretrained_cfg(name).hf_hub_id
    if offline and repository and _never_cached(repository):
        raise UnreachableError(
            f"--model {name}: its pretrained weights cannot be had (offline, and they are not in "
            f"the cache). {REMEDIES}"
        )
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
        kind = UnreachableError if _is_network_failure(error) else WeightsError
        raise kind(
            f"--model {name}: its pretrained weights cannot be had "
            f"({'offline; ' if offline else ''}{type(error).__name__}: {reason}). {REMEDIES}"
        ) from error
    return module
