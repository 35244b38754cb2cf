"""For the tests of the CI recipes: command lines in texts, and a runner of workflow steps."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer.main
import yaml

import macoaudit
from macoaudit.cli.main import app

ROOT = Path(macoaudit.__file__).parents[1]
TESTS = Path(__file__).parent
CI = ROOT / "samples" / "ci"
_ENDS = {"||", "&&", "|", ";", ">", ">>", ")", "&"}


def blocks(text: str) -> list[str]:
    """The fenced code of a Markdown text."""
    return re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(code: str) -> list[list[str]]:
    """The arguments of every ``macoaudit`` on a line of shell, in substitutions too."""
    joined = re.sub(r"\\\n\s*", " ", code)
    inner = re.findall(r"\$\((macoaudit [^()]*)\)", joined)
    lines = [*inner, *re.sub(r"\"?\$\(macoaudit [^()]*\)\"?", "x", joined).splitlines()]
    found = []
    for line in lines:
        if not re.search(r"(^|[\s;&|])macoaudit\s", line) or line.lstrip().startswith("#"):
            continue
        start = re.search(r"(?:^|(?<=[\s;&|]))macoaudit\s", line)
        assert start is not None
        lexer = shlex.shlex(line[start.start() :], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in _ENDS:
                break
            words.append(word)
        found.append(words[1:])
    return found


def parse(arguments: list[str]) -> str:
    """Parse a command line as the program does, without running it; gives the command's name."""
    command: Any = typer.main.get_command(app)
    name, rest = "macoaudit", arguments
    while hasattr(command, "resolve_command"):
        context = command.make_context(name, list(rest), allow_interspersed_args=False)
        name, command, rest = command.resolve_command(
            context, [*getattr(context, "_protected_args", []), *context.args]
        )
    command.make_context(name, list(rest))
    return name


def program(folder: Path) -> Path:
    """A folder for PATH with a ``macoaudit`` whose tests of shortcuts take no time."""
    folder.mkdir()
    script = folder / "stand_in.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(TESTS)!r}]\n"
        "if sys.argv[1] == 'audit':\n"
        "    from macoaudit.auditing import testing\n"
        "    from planted_audits import stand_in_tests\n"
        "    testing.shortcut_tests = stand_in_tests\n"
        "from macoaudit.cli.main import main\n"
        "main()\n"
    )
    shell = folder / "macoaudit"
    shell.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    shell.chmod(0o755)
    return folder


@dataclass
class Runner:
    """Runs the steps of a job as GitHub's runner does, as far as these recipes need it."""

    workspace: Path
    path: Path
    event: str = "pull_request"
    kept: Path | None = None
    """Where caches of earlier jobs are."""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    ran: dict[str, int] = field(default_factory=dict)
    """Exit codes by the names of the steps."""
    summary: str = ""
    log: str = ""

    def job(self, text: str) -> "Runner":
        steps = yaml.safe_load(text)["jobs"]["audit"]["steps"]
        for step in steps:
            name = step.get("name", step.get("uses", ""))
            if name == "Install" or not self._wanted(step.get("if", "success()")):
                continue
            if "run" in step:
                self.ran[name] = self._shell(step)
            elif "/cache" in step["uses"]:
                self._cache(step)
            else:
                self.ran[name] = 0
        return self

    @property
    def failed(self) -> bool:
        return any(self.ran.values())

    def _wanted(self, condition: str) -> bool:
        if "always()" not in condition:
            return not self.failed
        for pattern in re.findall(r"hashFiles\('([^']+)'\) != ''", condition):
            if not list(self.workspace.glob(pattern)):
                return False
        if "steps.audit.outputs.code != '2'" in condition:
            return self.outputs.get("audit", {}).get("code") != "2"
        return True

    def _filled(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            step, name = match[1].split(".")[1], match[1].split(".")[3]
            return self.outputs.get(step, {}).get(name, "")

        return re.sub(r"\$\{\{ (steps\.\S+) \}\}", value, text)

    def _cache(self, step: dict[str, Any]) -> None:
        if self.kept is None or step["with"]["path"] != "run":
            return
        key = self._filled(step["with"]["key"])
        here = self.workspace / "run"
        if step["uses"].startswith("actions/cache/save"):
            if not (self.kept / key).exists():
                shutil.copytree(here, self.kept / key)
            return
        first = self._filled(step["with"]["restore-keys"])
        fits = [p for p in sorted(self.kept.iterdir()) if p.name == key]
        fits += [p for p in sorted(self.kept.iterdir()) if p.name.startswith(first)]
        if fits:
            shutil.copytree(fits[0], here)

    def _shell(self, step: dict[str, Any]) -> int:
        files = {name: self.workspace.parent / name for name in ("output", "summary")}
        for file in files.values():
            file.write_text("")
        policy = "nightly.toml" if self.event == "schedule" else "macoaudit.toml"
        done = shell(
            step["run"], self.workspace, self.path,
            GITHUB_OUTPUT=str(files["output"]), GITHUB_STEP_SUMMARY=str(files["summary"]),
            POLICY=policy,
        )  # fmt: skip
        self.log += done.stdout
        self.summary += files["summary"].read_text()
        pairs = (line.split("=", 1) for line in files["output"].read_text().splitlines())
        self.outputs.setdefault(step.get("id", ""), {}).update(dict(pairs))
        return done.returncode


def shell(code: str, folder: Path, path: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run shell as CI services do: bash that stops at the first error."""
    environment = {
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder.parent),
        "CI": "true",
        "OMP_NUM_THREADS": "1",
        **more,
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", code],
        cwd=folder, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
