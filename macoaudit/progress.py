"""What every command with a run folder tells on the way: progress, wall times, the machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from macoaudit.environment import device_name, versions
from macoaudit.optimize import Step


@dataclass(frozen=True)
class Progress:
    """What a progress callback is told."""

    stage: str
    done_images: int
    n_images: int
    step: Step | None = None
    n_under_way: int = 0
    """Images that the step is of."""
    noun: str = "images"


@dataclass
class Clock:
    """Wall time by stage, in seconds."""

    stages: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def timed(self, stage: str, began: float) -> None:
        """Add the time since ``began`` to a stage."""
        self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - began


def volatile_facts(
    clock: Clock, device: torch.device, command_line: Sequence[str]
) -> dict[str, object]:
    """Collect the facts that differ between equal runs."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.started)),
        "wall_s": round(time.time() - clock.started, 3),
        "stages": {name: round(value, 3) for name, value in clock.stages.items()},
        "device": device_name(device),
        "versions": versions(),
        "command_line": list(command_line),
    }
