"""docs/phase.md: its commands run, and say what the page says they do."""

import re
import shlex
from pathlib import Path

import pytest

from macoaudit.cli.main import run

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "phase.md"


def commands() -> list[list[str]]:
    """Command lines of the page, in its order."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line.removeprefix("$ macoaudit ")) for line in lines]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that looks like a checkout, with photographs of the reader's own."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "my-photographs").symlink_to(ROOT / "samples" / "photographs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_runs_in_order_and_prints_what_the_page_prints(checkout, capsys):
    page = PAGE.read_text(encoding="utf-8")
    assert len(commands()) == 7
    for arguments in commands():
        # drawing to the end takes minutes; that it starts and is read by what follows is enough
        short = ["--steps", "2", "--device", "cpu"] if arguments[0] == "visualize" else []
        assert run([*arguments, *short]) == 0, arguments
        captured = capsys.readouterr()
        if arguments[:2] in (["phase", "swap"], ["phase", "natural"]):
            assert captured.out == ""
            assert captured.err in page
        if "--reference" in arguments:
            assert "reference: " in captured.out
    for name in ("swap/swap-sheet.png", "natural/natural-sheet.png", "leakage.svg", "leakage.png"):
        assert (checkout / "phase" / name).stat().st_size > 1000


def test_every_picture_and_page_that_it_names_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8"))
    assert len(links) > 6
    for link in links:
        assert (PAGE.parent / link).exists(), link
    pictures = sorted((PAGE.parent / "pictures" / "phase").iterdir())
    assert {f"pictures/phase/{path.name}" for path in pictures} <= set(links)
    assert sum(path.stat().st_size for path in pictures) < 600_000
