"""Records of audits that were cut or edited, given to ``report`` and as baseline: clear errors."""

import copy
import json
from pathlib import Path

import gated as hand_made
import pytest
from verdicts import fixed, suppressed, with_findings

from macoaudit.cli.main import run
from macoaudit.errors import UsageError
from macoaudit.gate import read_baseline
from macoaudit.store import results_text

WRONG = (None, "x", -1, [], {}, True, 1e300)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def places(value, above=()):
    """Every place in a document below some keys, but of each list its first item only."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*above, key)
            yield from places(item, (*above, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*above, 0))


def put(document, place, value):
    edited = copy.deepcopy(document)
    holder = edited
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return edited


def reported(capsys, text):
    """Exit code and message of rendering a record; never an error of our own, never half a file."""
    with open("results.json", "w") as file:  # noqa: PTH123 - in a loop of hundreds
        file.write(text)
    code = run(["report", "results.json", "--format", "annotations", "--quiet"])
    said = capsys.readouterr()
    assert "internal error" not in said.err, said.err
    assert code in (0, 1, 2)
    if said.err.startswith("macoaudit: "):
        assert (code, said.out) == (2, "")
        assert said.err.count("\n") == 1
    return code, said.err


def refusal(path):
    """Why a file cannot be a baseline; None when it can."""
    try:
        read_baseline(path)
    except UsageError as error:
        return str(error)
    return None


class TestCut:
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
    def test_it_is_said_and_nothing_is_written(self, here, capsys, share):
        text = results_text(with_findings())
        cut = text[: int(share * (len(text) - 2))]
        code, said = reported(capsys, cut)
        assert code == 2
        assert "results.json: is truncated or was edited" in said
        with pytest.raises(UsageError, match=r"--baseline results\.json: is truncated or was ed"):
            read_baseline(Path("results.json"))

    @pytest.mark.parametrize(
        "content",
        [b"", b"\xff\xfe", b"[]", b"3", b"null", b"{}", b'{"schema_version": 1}', b"\x00"],
    )
    def test_what_is_no_record_at_all(self, here, capsys, content):
        (here / "results.json").write_bytes(content)
        for arguments in (["report", "results.json"], ["audit", "--baseline", "results.json"]):
            more = ["x", "--model", "y"] if arguments[0] == "audit" else ["--format", "md"]
            assert run([*arguments, *more]) == 2
            said = capsys.readouterr()
            assert "results.json" in said.err
            assert "internal error" not in said.err
            assert said.err.count("\n") == 1
        assert [path.name for path in here.iterdir()] == ["results.json"]

    def test_bytes_after_its_end(self, here, capsys):
        code, said = reported(capsys, results_text(with_findings()) + "{}")
        assert code == 2
        assert "is truncated or was edited" in said


class TestEdited:
    @pytest.mark.parametrize("part", ["gate", "findings", "shortcuts", "tests", "images", "model"])
    def test_no_value_makes_an_error_of_our_own(self, capsys, part):
        document = json.loads(results_text(suppressed() if part == "gate" else fixed()))
        refused = 0
        chosen = [place for place in places(document) if place[0] == part]
        assert len(chosen) > 8
        for place in chosen:
            for value in WRONG:
                code, _ = reported(capsys, json.dumps(put(document, place, value)))
                refused += code == 2
        assert refused > len(chosen)  # most of them are told from the record's form

    @pytest.mark.parametrize(
        ("place", "value", "said"),
        [
            (("gate", "outcome"), "pass", "the verdict pass has exit code 1"),
            (("gate", "exit_code"), 0, "the verdict fail has exit code 0"),
            (("gate", "findings", 0, "fails"), False, None),
            (("gate", "findings", 0, "finding"), "other", "do not name the same ones"),
            (("gate", "findings"), [], "a run fails and no finding fails it"),
            (("findings"), [], "do not name the same ones"),
            (("gate", "findings", 0, "severity"), "low", "does not fit schema version 1"),
            (("gate", "surprise"), 1, "has no field surprise"),
            (("status",), "done", "does not fit schema version 1"),
            (("schema_version",), 2, "schema_version is 2, this version of macoaudit reads 1"),
        ],
    )
    def test_what_is_told(self, capsys, place, value, said):
        document = json.loads(results_text(with_findings()))
        steps = (place,) if isinstance(place, str) else place
        code, err = reported(capsys, json.dumps(put(document, steps, value)))
        if said is None:  # one of two: the run fails as it says
            assert code == 1
            return
        assert code == 2
        assert said in err

    def test_no_edit_of_a_baseline_makes_an_error_of_our_own(self, here):
        """A record that can be a baseline, with every value of its verdict and findings changed."""
        whole = hand_made.gated(hand_made.audit())
        document = json.loads(hand_made.write(here, whole).read_text())
        read_baseline(here / "results.json")
        refused = []
        for place in places(document):
            if place[0] not in ("gate", "findings", "shortcuts"):
                continue
            for value in (None, "x", -1):
                edited = put(document, place, value)
                if edited == document:
                    continue
                (here / "results.json").write_text(json.dumps(edited))
                said = refusal(here / "results.json")
                if said is not None:
                    assert said.startswith("--baseline ")
                    refused.append(place)
        always = {place[-1] for place in refused}
        assert {"fingerprint", "margin", "finding", "outcome", "severity", "class_index"} <= always
