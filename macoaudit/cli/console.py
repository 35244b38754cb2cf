"""What the terminal shows: progress and messages on stderr, documents on stdout."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from macoaudit.pipeline import Progress as Told

_STAGES = {"load": "Loading the model", "invert": "Inverting", "report": "Writing the report"}


def fail(message: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text("macoaudit: ", style="bold red"), Text(message), sep="", end="\n")
    return code


class ProgressBar:
    """A progress bar on stderr that is not there when stderr is no terminal, or with --quiet."""

    def __init__(self, quiet: bool) -> None:
        shown = sys.stderr.isatty() and not quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not shown,
            transient=True,
        )
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
        step = told.step
        fraction = 0.0 if step is None else step.step / step.n_steps * step.n_active
        detail = f"{told.done_images}/{told.n_images} images"
        if step is not None:
            detail += f", step {step.step}/{step.n_steps}, score {step.mean_score:.3f}"
        self._bar.update(
            self._task,
            description=_STAGES.get(told.stage, told.stage),
            completed=told.done_images + fraction,
            total=max(1, told.n_images),
            detail=detail,
        )
