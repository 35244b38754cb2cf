"""``macoaudit policy``, the policy options of ``macoaudit audit``, and exit codes of records."""

from datetime import timedelta
from pathlib import Path

import pytest
from gated import audit, gated, model, write
from test_gate_policy import suppression

from macoaudit.cli.main import run
from macoaudit.gate import read_policy, utc_today

ROOT = Path(__file__).parents[1]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestInit:
    def test_it_writes_a_policy_that_checks(self, here, capsys):
        assert run(["policy", "init"]) == 0
        assert capsys.readouterr().err.strip() == "macoaudit.toml"
        assert run(["policy", "check"]) == 0
        assert capsys.readouterr().out == "macoaudit.toml: can be used, 0 suppressions\n"
        assert [path.name for path in here.iterdir()] == ["macoaudit.toml"]

    def test_it_overwrites_nothing(self, here, capsys):
        (here / "mine.toml").write_text("mine")
        (here / "link.toml").symlink_to(here / "nowhere")
        for name in ("mine.toml", "link.toml"):
            assert run(["policy", "init", name]) == 2
            assert f"{name}: is there already. Name another file" in capsys.readouterr().err
        assert (here / "mine.toml").read_text() == "mine"
        assert not (here / "nowhere").exists()


class TestCheck:
    def test_expired_and_soon_expiring_suppressions_are_listed(self, here, capsys):
        today = utc_today()
        days = {-1: "a", 0: "b", 30: "c", 31: "d"}
        rows = [
            suppression(
                fingerprint=f'"{digit * 64}"', expires=(today + timedelta(days=left)).isoformat()
            )
            for left, digit in days.items()
        ]
        (here / "p.toml").write_text("schema_version = 1\n" + "".join(rows))
        assert run(["policy", "check", "p.toml"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line[:1] for line in lines] == ["a", "b", "c", "p"]
        assert lines[0] == f"{'a' * 64} expired after {today - timedelta(days=1)}: r (o)"
        assert lines[1] == f"{'b' * 64} expires after {today} (today): r (o)"
        assert lines[2].endswith("(in 30 days): r (o)")
        assert lines[3] == "p.toml: can be used, 4 suppressions"

    def test_what_cannot_be_used_is_2_and_one_line(self, here, capsys):
        (here / "p.toml").write_text("schema_version = 1\nfail_om = 'high'")
        for name in ("p.toml", "none.toml"):
            assert run(["policy", "check", name]) == 2
            said = capsys.readouterr()
            assert said.out == ""
            assert len(said.err.splitlines()) == 1

    def test_several_files_are_all_checked_and_one_that_is_bad_is_2(self, here, capsys):
        for name, text in (("a.toml", ""), ("b.toml", "fail_om = 1"), ("c.toml", "")):
            (here / name).write_text(f"schema_version = 1\n{text}")
        assert run(["policy", "check", "a.toml", "b.toml", "c.toml"]) == 2
        said = capsys.readouterr()
        lines = said.out.splitlines()
        assert lines == [f"{name}: can be used, 0 suppressions" for name in ("a.toml", "c.toml")]
        assert "b.toml: unknown key 'fail_om'" in said.err
        assert run(["policy", "check", "a.toml", "c.toml"]) == 0

    def test_nothing_that_a_terminal_would_obey_is_printed(self, here, capsys):
        text = suppression(reason='"\\u001b[31m red [bold]x"', expires=utc_today().isoformat())
        (here / "p.toml").write_text("schema_version = 1\n" + text)
        assert run(["policy", "check", "p.toml"]) == 0
        said = capsys.readouterr().out
        assert "\x1b" not in said
        assert "[bold]x" in said

    def test_the_example_is_one(self):
        found = read_policy(ROOT / "samples" / "macoaudit.toml", utc_today())
        assert found.model == "demo"
        assert [Path(path).resolve() for path in found.images] == [ROOT / "samples"]


class TestAudit:
    """Refusals come before anything is loaded or written."""

    @pytest.mark.parametrize(
        ("text", "more", "said"),
        [
            ("", [], "IMAGES: none were given. Name files or a folder, or set images in macoaudit"),
            ("", ["photos"], "--model: no network was given. Name one, or set model in macoaudit"),
            ("model = 'demo'", ["--policy", "quick", "photos"], "--model: no network was given"),
            ("fail_om = 'high'", ["photos"], "macoaudit.toml: unknown key 'fail_om'. Did you mean"),
            ("", ["photos", "--fail-on", "low"], "--fail-on is 'low'"),
            ("", ["photos", "--max-minutes", "0"], "--max-minutes is 0.0"),
            ("", ["photos", "--policy", "full"], "'full', which is neither a file nor a preset"),
            ("model = 'x'\nimages = 'y'", ["--baseline", "none"], "none: cannot be read"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, here, capsys, text, more, said):
        (here / "macoaudit.toml").write_text(f"schema_version = 1\n{text}")
        assert run(["audit", *more]) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]
        assert [path.name for path in here.iterdir()] == ["macoaudit.toml"]

    def test_the_file_that_was_used_is_said(self, here, capsys):
        text = "schema_version = 1\nmodel = 'x'\nimages = 'y'"
        (here / "macoaudit.toml").write_text(text)
        (here / "ci.toml").write_text(text)
        for more, said in (([], "macoaudit.toml"), (["--policy", "ci.toml"], "ci.toml")):
            assert run(["audit", *more, "--baseline", "none"]) == 2
            assert f"policy: {said}" in capsys.readouterr().err.splitlines()
        run(["audit", "y", "--model", "x", "--policy", "standard", "--baseline", "none"])
        assert "policy:" not in capsys.readouterr().err


class TestReport:
    def test_a_record_exits_as_its_gate_says(self, here, capsys):
        path = write(here, gated(audit()))
        assert run(["report", str(path), "--format", "json", "--quiet"]) == 1
        assert capsys.readouterr().err.startswith("fail: 2 high findings (fish, mushroom), 1 med")
        assert run(["report", str(write(here, audit([]))), "--format", "json", "--quiet"]) == 2
        assert capsys.readouterr().err.startswith("incomplete: the record holds no verdict")
        other = gated(audit([], model=model("other")))
        assert run(["report", str(write(here, other)), "--format", "json", "--quiet"]) == 0
        assert capsys.readouterr().err.startswith("pass: no finding, 5 of ")
