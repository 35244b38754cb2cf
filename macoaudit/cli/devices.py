"""Choosing a device and a precision from what the command line was given."""

import re
from typing import Literal

from macoaudit.errors import UsageError


def choose_device(text: str) -> str:
    """Turn ``--device`` into a torch device; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        UsageError: for another text, or a device that is not there.
    """
    if text != "auto" and not re.fullmatch(r"cpu|mps|cuda(:\d{1,4})?", text):
        raise UsageError(f"--device is {text!r}; use auto, cpu, cuda, cuda:N or mps")
    import torch  # slow to import, so not at the top: --help and a bad option need no torch

    if text == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if text.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        wanted = int(text.partition(":")[2] or 0)
        if wanted >= count:
            raise UsageError(
                f"--device is {text!r}; this machine has {count} CUDA devices. Use auto or cpu"
            )
    if text == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device is 'mps'; this machine has none, use cpu")
    return text


def choose_precision(text: str, device: str) -> Literal["fp32", "bf16"]:
    """Turn ``--precision`` into ``fp32`` or ``bf16``; ``auto`` takes bf16 on CUDA only.

    Raises:
        UsageError: for another text.
    """
    if text == "auto":
        return "bf16" if device.startswith("cuda") else "fp32"
    if text == "fp32":
        return "fp32"
    if text == "bf16":
        return "bf16"
    raise UsageError(f"--precision is {text!r}; use auto, fp32 or bf16")
