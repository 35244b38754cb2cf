"""Weights: files to state dicts, state dicts into networks, and their digests."""

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from macoaudit.errors import WeightsError

_PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
# Keys under which training scripts commonly wrap the state dict.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_N_NAMED = 3


def file_sha256(path: Path) -> str:
    """Digest a file's bytes.

    Raises:
        WeightsError: when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"weights: {path} cannot be read ({error.strerror}). Give the path of a .safetensors "
            "file"
        ) from error


def state_dict_sha256(module: nn.Module) -> str:
    """Digest a network's weights as loaded: sorted names, dtypes, shapes and raw bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if not isinstance(value, Tensor):  # extra state of a custom module
            digest.update(f"{name}\0{value!r}\0".encode())
            continue
        digest.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().data)
    return digest.hexdigest()


def read_state_dict(path: Path, *, allow_pickle: bool) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file, or from a pickle where that is allowed.

    Args:
        path: ``.safetensors``, or ``.pt``, ``.pth``, ``.bin``, ``.ckpt`` with ``allow_pickle``.
        allow_pickle: read pickles, with ``weights_only=True`` and never without it.

    Returns:
        Name to tensor; half-precision values as float32.

    Raises:
        WeightsError: when the file cannot be read, is a pickle that was not allowed, or holds
            anything but tensors or a value that is not finite.
    """
    suffix = path.suffix.lower()
    if suffix not in (".safetensors", *_PICKLE_SUFFIXES):
        raise WeightsError(
            f"weights: {path} ends in {suffix or 'nothing'}; give a .safetensors file (or "
            f"{', '.join(_PICKLE_SUFFIXES)} with --allow-pickle)"
        )
    if not path.is_file():
        raise WeightsError(f"weights: there is no file {path}. Give the path of a weights file")
    if suffix == ".safetensors":
        try:
            tensors: object = load_file(path, device="cpu")
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(
                f"weights: {path} is not a complete safetensors file ({error}). Get it again"
            ) from error
    else:
        tensors = _read_pickle(path, allow_pickle=allow_pickle)
    return _checked_tensors(tensors, path)


def _read_pickle(path: Path, *, allow_pickle: bool) -> object:
    if not allow_pickle:
        raise WeightsError(
            f"weights: {path} is a pickle, which can run code when it is read. Convert it to "
            "safetensors, or add --allow-pickle (it is then read with weights_only=True)"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"weights: {path} cannot be read with weights_only=True ({reason}). Save its state "
            "dict as safetensors; macoaudit never reads a pickle without that protection"
        ) from error
    if isinstance(content, Mapping):
        for key in _WRAPPERS:
            if isinstance(content.get(key), Mapping):
                return content[key]
    return content


def _checked_tensors(tensors: object, path: Path) -> dict[str, Tensor]:
    if not isinstance(tensors, Mapping) or not tensors:
        raise WeightsError(f"weights: {path} holds no tensors. Save the network's state dict")
    checked: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            raise WeightsError(
                f"weights: {path} holds a {type(value).__name__} under {name!r}; save the "
                "network's state dict, names to tensors"
            )
        if value.is_floating_point():
            if not torch.isfinite(value).all():
                raise WeightsError(
                    f"weights: {path}: {name} holds values that are not finite. Get the file again"
                )
            value = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
        checked[str(name)] = value
    return checked


def fit_state_dict(module: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> None:
    """Load tensors into a network, all of them and nothing else.

    Args:
        module: the network; changed in place.
        tensors: name to tensor.
        source: what the message calls the weights, for example the file.

    Raises:
        WeightsError: when names are missing or left over, or shapes differ.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in tensors]
    unexpected = [name for name in tensors if name not in expected]
    reshaped = [
        f"{name} {tuple(tensors[name].shape)} for {tuple(value.shape)}"
        for name, value in expected.items()
        if name in tensors and isinstance(value, Tensor) and tensors[name].shape != value.shape
    ]
    problems = [
        f"{len(names)} {kind} ({', '.join(names[:_N_NAMED])}{', ...' * (len(names) > _N_NAMED)})"
        for kind, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", reshaped),
        )
        if names
    ]
    if problems:
        raise WeightsError(
            f"{source} do not fit {type(module).__name__}: {'; '.join(problems)}. Check the "
            "architecture, num_classes and [kwargs] of the card, or give the weights of this "
            "architecture"
        )
    module.load_state_dict(dict(tensors), strict=True)
