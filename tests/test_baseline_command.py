"""``macoaudit baseline update`` and ``check``: what is accepted, what is refused, exact bytes."""

import hashlib
from dataclasses import replace
from pathlib import Path

import audited
import pytest
from gated import audit, gated, high, model, untested, write

from macoaudit.cli.main import run
from macoaudit.gate import read_baseline


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(name: str, findings=None, **changes) -> Path:
    volatile = {"started": "2026-05-01T10:00:00Z"}
    return write(Path(name), gated(audit(findings, **{"volatile": volatile, **changes})))


class TestUpdate:
    def test_a_first_baseline_is_the_records_bytes(self, here, capsys):
        path = written("run")
        assert run(["baseline", "update", "run", "--to", "ci/baseline.json"]) == 0
        assert (here / "ci" / "baseline.json").read_bytes() == path.read_bytes()
        assert [one.name for one in (here / "ci").iterdir()] == ["baseline.json"]
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 5
        assert lines[0] == ("accepts high finding of class fish (shortcut/place, margin 1.44)")
        assert lines[-1] == (
            "ci/baseline.json: can serve as baseline of the network 'demo' (weights 000000000000): "
            "4 findings (2 high, 1 medium, 1 info); made 2026-05-01T10:00:00Z by macoaudit 0.1.0, "
            "policy quick, verdict fail"
        )
        # and the gate takes it
        known = read_baseline(here / "ci" / "baseline.json")
        assert known.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_what_it_accepts_and_what_it_drops(self, here, capsys):
        written("old", [high(2.0), high(2.0, 1), high(2.0, 2)])
        assert run(["baseline", "update", "old/results.json", "--to", "b.json"]) == 0
        capsys.readouterr()
        fresh = audit([high(3.0), high(2.0, 3)])
        fresh = replace(fresh, shortcuts=untested(fresh.shortcuts, 2))
        write(here / "new", gated(fresh))
        assert run(["baseline", "update", "new", "--to", "b.json"]) == 0
        out = capsys.readouterr().out.splitlines()
        assert out[:-1] == [
            "accepts, worse: high finding of class mushroom (shortcut/place, margin 2.00 to 3.00)",
            "accepts, new: high finding of class tree (shortcut/property, margin 2.00)",
            "drops, not found any more: high finding of class fish (shortcut/place, margin 2.00 to "
            "0.12)",
            "drops, not tested again: The high finding of class cactus in the baseline is not "
            "known to be fixed: the class was not tested.",
        ]
        assert (here / "b.json").read_bytes() == (here / "new/results.json").read_bytes()

    def test_the_same_record_again(self, here, capsys):
        written("run")
        for _ in range(2):
            assert run(["baseline", "update", "run", "--to", "b.json"]) == 0
        assert "nothing changes: it is the same record" in capsys.readouterr().out

    def test_another_network_needs_force(self, here, capsys):
        written("run")
        other = written("other", [high(2.0)], model=model("other"))
        assert run(["baseline", "update", "run", "--to", "b.json"]) == 0
        before = (here / "b.json").read_bytes()
        assert run(["baseline", "update", "other", "--to", "b.json"]) == 2
        said = capsys.readouterr().err
        assert "is the baseline of the network 'demo', and RUN is of 'other'" in said
        assert "--force" in said
        assert (here / "b.json").read_bytes() == before
        assert run(["baseline", "update", "other", "--to", "b.json", "--force"]) == 0
        assert (here / "b.json").read_bytes() == other.read_bytes()

    def test_a_broken_baseline_needs_force(self, here, capsys):
        path = written("run")
        (here / "b.json").write_text("{")
        assert run(["baseline", "update", "run", "--to", "b.json"]) == 2
        assert "--force replaces it all the same" in capsys.readouterr().err
        assert (here / "b.json").read_text() == "{"
        assert run(["baseline", "update", "run", "--to", "b.json", "--force"]) == 0
        assert (here / "b.json").read_bytes() == path.read_bytes()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"status": "incomplete"}, "is of an audit that is incomplete"),
            ({"summary": {"incomplete": ["no time"]}}, "is of an audit that is incomplete"),
            ({"command": "invert"}, "is of macoaudit invert, not of an audit"),
            ({"gate": None}, "holds no verdict"),
        ],
    )
    def test_what_is_no_complete_audit_is_refused_always(self, here, capsys, change, said):
        made = audit(**{k: v for k, v in change.items() if k == "summary"})
        write(here / "run", replace(gated(made), **change))
        written("good")
        assert run(["baseline", "update", "good", "--to", "b.json"]) == 0
        before = (here / "b.json").read_bytes()
        capsys.readouterr()
        assert run(["baseline", "update", "run", "--to", "b.json", "--force"]) == 2
        error = capsys.readouterr().err
        assert error.startswith("macoaudit: RUN run/results.json: ")
        assert said in error
        assert (here / "b.json").read_bytes() == before

    def test_an_edited_run_is_refused(self, here, capsys):
        path = written("run")
        path.write_text(path.read_text().replace('"margin": 1.8125', '"margin": 0.5', 1))
        assert run(["baseline", "update", "run", "--to", "b.json"]) == 2
        assert "was edited" in capsys.readouterr().err
        assert not (here / "b.json").exists()

    def test_places_that_are_none(self, here, capsys):
        written("run")
        assert run(["baseline", "update", "run", "--to", "."]) == 2
        assert "is a folder. Name a file" in capsys.readouterr().err
        assert run(["baseline", "update", "run", "--to", "run/results.json"]) == 2
        assert "is the run's own record" in capsys.readouterr().err
        (here / "file").write_text("x")
        assert run(["baseline", "update", "run", "--to", "file/b.json"]) == 2
        assert "cannot be written" in capsys.readouterr().err

    def test_a_link_is_written_through(self, here):
        path = written("run")
        (here / "kept").mkdir()
        (here / "b.json").symlink_to(here / "kept" / "b.json")
        assert run(["baseline", "update", "run", "--to", "b.json"]) == 0
        assert (here / "b.json").is_symlink()
        assert (here / "kept" / "b.json").read_bytes() == path.read_bytes()

    def test_nothing_half_written_stays(self, here, monkeypatch, capsys):
        written("run")
        (here / "b.json").write_bytes((here / "run/results.json").read_bytes())
        written("next", [high(2.0)])
        before = (here / "b.json").read_bytes()

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("macoaudit.files.os.fsync", full)
        assert run(["baseline", "update", "next", "--to", "b.json"]) == 2
        assert "disk is full" in capsys.readouterr().err
        assert (here / "b.json").read_bytes() == before
        assert sorted(one.name for one in here.iterdir()) == ["b.json", "next", "run"]

    def test_hostile_class_names_are_one_line(self, here, capsys):
        name = "\x1b[31mred\n[bold]x\u202e"
        finding = high(2.0, class_name=name)
        made = audit([finding])
        rows = tuple(
            replace(row, class_name=name) if row.class_index == 0 else row
            for row in made.shortcuts.classes
        )
        write(here / "run", gated(replace(made, shortcuts=replace(made.shortcuts, classes=rows))))
        assert run(["baseline", "update", "run", "--to", "b.json"]) == 0
        out = capsys.readouterr().out
        assert len(out.splitlines()) == 2
        assert "\x1b" not in out
        assert "\\x1b[31mred\\n[bold]x\\u202e" in out


class TestCheck:
    def test_it_says_what_it_can_serve_for(self, here, capsys):
        written("run", [audited.finding(2)])
        assert run(["baseline", "check", "run"]) == 0
        assert capsys.readouterr().out == (
            "run: can serve as baseline of the network 'demo' (weights 000000000000): 1 finding "
            "(1 medium); made 2026-05-01T10:00:00Z by macoaudit 0.1.0, policy quick, verdict pass\n"
        )

    def test_without_a_date(self, here, capsys):
        written("run", [], volatile={})
        assert run(["baseline", "check", "run/results.json"]) == 0
        assert "0 findings; when it was made is not recorded" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("content", "said"),
        [("{", "truncated"), ("[]", "is not a record"), (None, "cannot be read")],
    )
    def test_what_cannot_serve_is_2_and_one_line(self, here, capsys, content, said):
        if content is not None:
            (here / "b.json").write_text(content)
        assert run(["baseline", "check", "b.json"]) == 2
        captured = capsys.readouterr()
        assert said in captured.err
        assert captured.err.startswith("macoaudit: FILE ")
        assert len(captured.err.splitlines()) == 1
        assert captured.out == ""
