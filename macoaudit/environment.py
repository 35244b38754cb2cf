"""What a run was made with: facts for the record that differ between machines."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import torch

_PACKAGES = ("torch", "timm", "numpy", "pillow", "scikit-learn", "scipy", "weasyprint")


def device_name(device: torch.device) -> str:
    """Name a device so that times can be compared."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} used)"
    return str(device)


def versions() -> Mapping[str, str]:
    """Versions of Python and of the packages that numbers or reports depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is a full memory, of the machine or of the accelerator."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # The CPU's allocator and MPS raise a plain RuntimeError.
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "out of memory" in text
    )
