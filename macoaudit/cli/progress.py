"""The progress bar of a run."""

import datetime
import sys
import time
from types import TracebackType

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from macoaudit.cli.console import to_stderr
from macoaudit.pipeline import Progress as Told

_STAGES = {
    "load": "Loading the model",
    "invert": "Inverting",
    "draw": "Drawing",
    "channels": "Drawing what drives the classes",
    "compare": "Comparing with natural images",
    "choose": "Reading images",
    "read": "Reading images",
    "test": "Testing for shortcuts",
    "morph": "Moving towards other classes",
    "crops": "Reading crops",
    "locate": "Locating concepts",
    "weigh": "Weighing concepts",
    "depth": "Inverting at other layers",
    "measure": "Measuring",
    "trust": "Running the trust panel",
    "report": "Writing the report",
}


class _Elapsed(ProgressColumn):
    """Time since the command began: a task's own stops when its stage is done."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def render(self, task: Task) -> Text:
        """Write hours, minutes and seconds."""
        passed = datetime.timedelta(seconds=int(time.monotonic() - self._began))
        return Text(str(passed), style="progress.elapsed")


class ProgressBar:
    """A progress bar on stderr that is not there when stderr is no terminal, or with --quiet."""

    def __init__(self, quiet: bool) -> None:
        shown = sys.stderr.isatty() and not quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
            _Elapsed(),
            TimeRemainingColumn(),
            console=to_stderr(),
            disable=not shown,
            transient=True,
        )
        self._stage = ""
        self._task = self._bar.add_task("Starting", total=1.0, detail="")

    def __enter__(self) -> "ProgressBar":
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop drawing and clear the bar."""
        self._bar.stop()

    def update(self, told: Told) -> None:
        """Show where the run is."""
        if told.stage != self._stage:  # how fast one stage is says nothing of the next one
            self._bar.reset(self._task)
            self._stage = told.stage
        step = told.step
        fraction = 0.0 if step is None else told.n_under_way * step.step / step.n_steps
        detail = f"{told.done_images}/{told.n_images} {told.noun}"
        if step is not None:
            detail += f", step {step.step}/{step.n_steps}, score {step.mean_score:.3f}"
        self._bar.update(
            self._task,
            description=_STAGES.get(told.stage, told.stage),
            completed=told.done_images + fraction,
            total=max(1, told.n_images),
            detail=detail,
        )
