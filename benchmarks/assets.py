"""Real networks and photographs for measurements, from the folder MACOAUDIT_ASSETS."""

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch


def assets_folder() -> Path:
    """Return the folder, or stop with the reason why nothing can be measured."""
    value = os.environ.get("MACOAUDIT_ASSETS")
    if not value or not Path(value).is_dir():
        sys.exit("MACOAUDIT_ASSETS is not set to a folder with models/ and photos/")
    return Path(value)


def card(name: str) -> str:
    """Path of a network's card."""
    return str(assets_folder() / "models" / f"{name}.toml")


def photographs(count: int, *, offset: int = 0) -> list[Path]:
    """Every k-th photograph by name, k as large as the count allows, starting at ``offset``."""
    files = sorted((assets_folder() / "photos").glob("*.JPEG"))
    stride = max(1, (len(files) - offset) // count)
    return files[offset::stride][:count]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d"),
    }
