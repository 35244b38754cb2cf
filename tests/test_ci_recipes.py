"""The CI recipes: valid, equal to what the guide shows, and run where that can be done."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from planted_audits import write_counting_card, write_scenes
from recipes import CI, ROOT, Runner, blocks, commands, parse, program, shell

from macoaudit import __version__
from macoaudit.gate import read_policy, utc_today

GUIDE = ROOT / "docs" / "ci.md"
RECIPES = sorted(CI.iterdir())
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MISSING = tuple(
    kind for kind in typer.BadParameter.__subclasses__() if kind.__name__ == "MissingParameter"
)
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed here")


class TestFiles:
    def test_the_guide_shows_every_file_as_it_is(self):
        shown = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", GUIDE.read_text(), re.S)
        assert {name for name, _ in shown} == {str(path.relative_to(ROOT)) for path in RECIPES}
        for name, text in shown:
            assert text == (ROOT / name).read_text(), name

    @pytest.mark.parametrize(
        ("name", "schema"),
        [
            ("github-audit.yml", "vendor.github-workflows"),
            ("gitlab-ci.yml", "vendor.gitlab-ci"),
        ],
    )
    def test_they_fit_the_schemas_of_their_services(self, tmp_path, name, schema):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
        text = (CI / name).read_text()
        (tmp_path / "good.yml").write_text(text)
        wrong = text.replace("    steps:", "    stepz:").replace("  script:", "  skript:")
        (tmp_path / "bad.yml").write_text(wrong)
        for file, code in (("good.yml", 0), ("bad.yml", 1)):
            done = subprocess.run(
                [*command, str(tmp_path / file)], capture_output=True, text=True, check=False
            )
            assert done.returncode == code, done.stdout + done.stderr

    def test_pre_commit_takes_both_of_its_files(self):
        for kind, file in (
            ("validate-manifest", ROOT / ".pre-commit-hooks.yaml"),
            ("validate-config", CI / "pre-commit-config.yaml"),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "pre_commit", kind, str(file)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (0, "")
        hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
        (repo,) = yaml.safe_load((CI / "pre-commit-config.yaml").read_text())["repos"]
        assert [hook["id"] for hook in repo["hooks"]] == [hook["id"] for hook in hooks]
        assert repo["rev"] == f"v{__version__}"

    @pytest.mark.parametrize("name", ["macoaudit.toml", "nightly.toml"])
    def test_the_policies_can_be_used(self, name):
        found = read_policy(CI / name, utc_today())
        assert found.preset == ("thorough" if name == "nightly.toml" else "quick")

    def test_actions_are_pinned_and_named(self):
        uses = re.findall(r"uses: (\S+)(.*)", (CI / "github-audit.yml").read_text())
        assert len(uses) == 7
        for action, comment in uses:
            assert re.fullmatch(r"[\w/.-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)

    def test_the_job_has_no_more_rights_than_it_needs(self):
        workflow = yaml.safe_load((CI / "github-audit.yml").read_text())
        assert workflow["permissions"] == {}
        assert workflow["jobs"]["audit"]["permissions"] == {
            "contents": "read",
            "security-events": "write",
            "actions": "read",
        }
        # "on" is a truth value in YAML 1.1
        assert set(workflow[True]) == {"pull_request", "push", "schedule", "workflow_dispatch"}
        steps = workflow["jobs"]["audit"]["steps"]
        # what somebody else can name is never put into a script
        assert not [step for step in steps if "${{" in step.get("run", "")]
        audit = [step.get("id") for step in steps].index("audit")
        assert all("always()" in step["if"] for step in steps[audit + 1 :])

    def test_the_version_that_is_installed_is_this_one(self):
        for name in ("github-audit.yml", "gitlab-ci.yml"):
            assert f'pip install "macoaudit=={__version__}"' in (CI / name).read_text()


class TestCommandLines:
    @pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
    def test_every_one_in_the_guides_can_be_parsed(self, path):
        text = path.read_text()
        for code in blocks(text):
            for line in commands(code):
                parse(line)
        if path == GUIDE:
            inline = re.findall(r"`(macoaudit [^`]+)`", text)
            assert len(inline) > 5
            for line in inline:
                with contextlib.suppress(*MISSING):  # a sentence may name a command alone
                    parse(commands(line)[0])

    def test_every_one_in_the_recipes(self):
        found = [line for path in RECIPES for line in commands(path.read_text())]
        assert sorted({parse(line) for line in found}) == ["audit", "check"]
        assert ["audit", "--policy", "$POLICY", "--print-key"] in found
        hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
        for hook in hooks:
            (line,) = commands(hook["entry"] + " " + " ".join(hook.get("args", ["file"])))
            assert parse(line) == "check"

    @pytest.mark.parametrize(
        "line",
        ["audit --polizy x", "audit x --format", "polcy check", "report", "baseline renew x"],
    )
    def test_a_wrong_one_is_found(self, line):
        assert len(MISSING) == 1
        with pytest.raises(Exception, match=r"No such|requires|Missing"):
            parse(line.split())


class TestHooks:
    def run(self, here: Path, hook_id: str) -> "subprocess.CompletedProcess[str]":
        path = here.parent / "bin"
        if not path.exists():
            program(path)
        (hook,) = (
            hook
            for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
            if hook["id"] == hook_id
        )
        config = {"repos": [{"repo": "local", "hooks": [hook]}]}
        (here / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
        code = f"git add -A && {sys.executable} -m pre_commit run --color never"
        return shell(code, here, path, PRE_COMMIT_HOME=str(here.parent / "home"))

    @pytest.fixture
    def here(self, tmp_path) -> Path:
        folder = tmp_path / "project"
        folder.mkdir()
        assert shell("git init -q .", folder, tmp_path).returncode == 0
        return folder

    def test_a_policy_is_checked_when_it_is_committed(self, here):
        (here / "macoaudit.toml").write_text("schema_version = 1\n")
        (here / "other.toml").write_text("no policy")
        done = self.run(here, "macoaudit-policy-check")
        assert done.returncode == 0, done.stdout
        assert "macoaudit.toml: can be used, 0 suppressions" in done.stdout
        (here / "ci").mkdir()
        (here / "ci" / "macoaudit-night.toml").write_text("schema_version = 1\nfail_om = 1\n")
        done = self.run(here, "macoaudit-policy-check")
        assert done.returncode == 1
        assert "unknown key 'fail_om'. Did you mean fail_on" in done.stdout

    def test_a_baseline_too(self, here):
        (here / "baseline.json").write_text("{")
        done = self.run(here, "macoaudit-baseline-check")
        assert done.returncode == 1
        assert "baseline.json: is truncated or was edited" in done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A repository as it is checked out: scenes, the card of a network, the sample policies."""
    folder = tmp_path_factory.mktemp("ci")
    program(folder / "bin")
    (folder / "caches").mkdir()
    checkout = folder / "project"
    (checkout / ".git").mkdir(parents=True)
    write_scenes(checkout / "photos", 4)
    write_counting_card(checkout, name="card")
    text = (CI / "macoaudit.toml").read_text()
    assert text.count("baseline = ") == 1
    short = text.replace("baseline = ", "# baseline = ").replace(
        "fail_on", 'seeds = 1\nsteps = 6\njudges = ["none"]\nfail_on'
    )
    (checkout / "macoaudit.toml").write_text(short)
    shutil.copy(CI / "nightly.toml", checkout)
    return checkout


def github(project: Path, changes: dict[str, str] | None = None) -> Runner:
    """Check the project out anew and run the workflow's job on it."""
    folder = project.parent / "work"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(project, folder / "project")
    for name, text in (changes or {}).items():
        (folder / "project" / name).write_text(text)
    runner = Runner(folder / "project", project.parent / "bin", kept=project.parent / "caches")
    return runner.job((CI / "github-audit.yml").read_text())


@needs_jq
class TestWorkflow:
    def test_a_finding_stops_the_job_and_its_reports_are_kept(self, project):
        done = github(project)
        assert done.outputs["audit"]["code"] == "1", done.log
        assert done.ran["Audit"] == 1
        later = ("Summary", "Open alerts", "Code scanning", "Reports")
        assert [done.ran[name] for name in later] == [0] * 4
        assert done.summary.startswith("## ❌ macoaudit: fail")
        assert "::error title=macoaudit::fail: 1 high fails" in done.log
        last = [line for line in done.log.splitlines() if line.startswith("fail: ")]
        assert last[0].startswith("fail: 1 high finding (yellow), 4 of 4 classes tested")
        (log,) = json.loads((done.workspace / "upload.sarif").read_text())["runs"]
        place = log["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place["uri"].startswith("photos/yellow/yellow-")
        assert (done.workspace / place["uri"]).is_file()  # from the root of the repository
        assert place["uriBaseId"] == "%SRCROOT%"
        assert log["automationDetails"]["id"] == "macoaudit/card/macoaudit.toml/"
        (kept,) = (project.parent / "caches").iterdir()
        assert re.fullmatch(r"macoaudit-[0-9a-f]{32}-[0-9a-f]{32}", kept.name)

    @pytest.mark.slow
    def test_what_was_kept_is_taken_up_and_a_known_finding_passes(self, project):
        github(project)
        before = github(project)
        done = shell("macoaudit baseline update run --to b.json", before.workspace, before.path)
        assert done.returncode == 0, done.stdout
        baseline = (before.workspace / "b.json").read_text()
        policy = (project / "macoaudit.toml").read_text().replace("# baseline = ", "baseline = ")
        after = github(project, {"macoaudit.toml": policy, "baseline.json": baseline})
        assert after.outputs["key"] == before.outputs["key"]  # a baseline costs no work
        assert after.outputs["audit"]["code"] == "0", after.log
        assert after.summary.startswith("## ✅ macoaudit: pass")
        assert not after.failed
        assert len(list((project.parent / "caches").iterdir())) == 1
        changed = next((after.workspace / "photos" / "red").iterdir())
        shutil.copy(next((after.workspace / "photos" / "blue").iterdir()), changed)
        shell('echo "$(macoaudit audit --print-key)" > key', after.workspace, after.path)
        run, inputs = (after.workspace / "key").read_text().strip().split("-")
        assert run == after.outputs["key"]["run"]
        assert inputs != after.outputs["key"]["inputs"]

    @pytest.mark.slow
    def test_what_cannot_run_is_no_finding(self, project):
        done = github(project, {"macoaudit.toml": "schema_version = 1\nfail_om = 1"})
        assert done.ran == {"actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8": 0,
                            "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c": 0,
                            "Check the policy": 2, "Summary": 0}  # fmt: skip
        assert done.summary == "macoaudit could not run; the log says why.\n"

    @pytest.mark.slow
    def test_an_incomplete_audit_is_2_and_not_uploaded(self, project):
        text = (project / "macoaudit.toml").read_text()
        done = github(project, {"macoaudit.toml": text + "\n", **broken(project)})
        assert done.outputs["audit"]["code"] == "2", done.log
        assert done.summary.startswith("## ⚠️ macoaudit: incomplete")
        assert "Code scanning" not in done.ran
        assert done.ran["Reports"] == 0


def broken(project: Path) -> dict[str, str]:
    """Half of the images are none."""
    images = sorted((project / "photos").rglob("*.png"))[::2]
    return {str(path.relative_to(project)): "no image" for path in images}


@pytest.mark.slow
def test_the_gitlab_job(project):
    folder = project.parent / "gitlab"
    shutil.copytree(project, folder)
    job = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["audit"]
    steps = [line for line in job["script"] if not line.startswith("pip ")]
    path = project.parent / "bin"
    done = shell("\n".join(steps), folder, path, POLICY="macoaudit.toml")
    assert done.returncode == 1, done.stdout
    for name in [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]:
        assert (folder / name).is_file(), name
    # a folder of another run is not taken up, and not refused either
    text = (folder / "macoaudit.toml").read_text()
    (folder / "macoaudit.toml").write_text(text.replace("steps = 6", "steps = 5"))
    done = shell("\n".join(steps), folder, path, POLICY="macoaudit.toml")
    assert done.returncode == 1, done.stdout
    assert "holds another run" not in done.stdout
