"""Policy files: what they say, every refusal, and the names of findings."""

import hashlib
import inspect
import tomllib
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path

import audited
import pytest
from gated import TODAY, audit

from macoaudit.cli import audit as audit_command
from macoaudit.cli.policing import Options, require_subject, with_options
from macoaudit.errors import UsageError
from macoaudit.gate import (
    RULES,
    Budget,
    Policy,
    find_policy,
    fingerprint,
    read_policy,
    reading,
    region_kind,
    rule_of,
)
from macoaudit.gate.writing import TEXT

FINGERPRINT = "ab" * 32
WHOLE = f"""
schema_version = 1
preset = "standard"
model = "nets/card.toml"
images = ["photos", "more"]
weights = "nets/w.safetensors"
layer = "body"
masks = "masks"
references = ["nature"]
neighbours = 5
seeds = 4
seed = 0
steps = 12
compat = "paper"
spectrum = "s.safetensors"
offline = true
max_bad = "10%"
baseline = "old/results.json"
sarif_root = ".."
judges = ["resnet50", "judge.toml"]
fail_on = "medium"
[budget]
max_minutes = 1.5
max_images = 40
[rules."shortcut/spectrum"]
least_margin = 1.5
severities = {{ high = "medium", medium = "info" }}
[[suppressions]]
fingerprint = "{FINGERPRINT}"
reason = "the mark is the species"
owner = "ann"
expires = 2026-12-31
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "gate.toml"
    path.write_text(text)
    return path


def read(folder: Path, text: str) -> Policy:
    return read_policy(written(folder, f"schema_version = 1\n{text}"), TODAY)


def suppression(**changes: str) -> str:
    """One suppression as TOML; a change to an empty text leaves the key out."""
    rows = {
        "fingerprint": f'"{FINGERPRINT}"',
        "reason": '"r"',
        "owner": '"o"',
        "expires": "2026-12-31",
    }
    lines = [f"{key} = {value}" for key, value in {**rows, **changes}.items() if value]
    return "[[suppressions]]\n" + "\n".join(lines) + "\n"


class TestReading:
    def test_everything_that_a_file_can_say(self, tmp_path):
        path = written(tmp_path, WHOLE)
        found = read_policy(path, TODAY)
        assert found.name == "gate.toml"
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (found.preset, found.seeds, found.fail_on) == ("standard", 4, "medium")
        # a card is a file beside the policy, a name is a name
        assert found.model == str(tmp_path / "nets/card.toml")
        assert found.judges == ("resnet50", str(tmp_path / "judge.toml"))
        assert found.images == (str(tmp_path / "photos"), str(tmp_path / "more"))
        assert found.budget == Budget(1.5, 40)
        paths = (found.weights, found.masks, found.spectrum, found.baseline, found.sarif_root)
        names = ("nets/w.safetensors", "masks", "s.safetensors", "old/results.json", "..")
        assert paths == tuple(str(tmp_path / name) for name in names)
        assert found.references == (str(tmp_path / "nature"),)
        assert (found.layer, found.compat, found.steps) == ("body", "paper", 12)
        assert (found.neighbours, found.seed, found.offline, found.max_bad) == (5, 0, True, 0.1)
        rule = found.rule("shortcut/spectrum")
        assert rule.least_margin == 1.5
        assert rule.severities == {"high": "medium", "medium": "info"}
        (aside,) = found.suppressions
        assert (aside.owner, aside.expires) == ("ann", date(2026, 12, 31))
        assert not found.exit_zero

    def test_the_least_that_a_file_can_say_is_the_quick_preset(self, tmp_path):
        found = read_policy(written(tmp_path, "schema_version = 1"), TODAY)
        assert found == Policy(name="gate.toml", sha256=found.sha256)
        assert found.settings() == Policy().settings()

    def test_a_share_is_a_number_or_per_cent_and_random_weights_are_no_file(self, tmp_path):
        for text, share in (("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("'0%'", 0.0), ("'100%'", 1.0)):
            assert read(tmp_path, f"max_bad = {text}").max_bad == share
        assert read(tmp_path, "weights = 'random'").weights == "random"
        assert read(tmp_path, "offline = false").offline is False

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "schema_version is missing; write schema_version = 1"),
            ("schema_version = 2", "2, which is newer than this version of macoaudit reads"),
            ("schema_version = 0", r"schema_version is 0 \(a whole number\); give 1"),
            ("schema_version = true", r"schema_version is True \(true or false\); give 1"),
            ('schema_version = "1"', r"schema_version is '1' \(a string\); give 1"),
            ("schema_version = ", "is no TOML"),
            ("schema_version = 1\nx = \x00", "is no TOML"),
            ("a = " + "[" * 3000, "is no TOML"),
            ("# " + "x" * (1 << 20), "larger than 1 MiB"),
        ],
    )
    def test_what_is_no_policy_of_this_version(self, tmp_path, text, said):
        with pytest.raises(UsageError, match=said):
            read_policy(written(tmp_path, text), TODAY)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("fail_om = 'high'", "unknown key 'fail_om'. Did you mean fail_on. Allowed: schema_"),
            ("include = 'a.toml'", "unknown key 'include'"),
            ("exit_zero = true", "'exit_zero' does not stand here: .* line only, --exit-zero"),
            ("allow_pickle = true", "option of the command line only, --allow-pickle"),
            ("max_images = 40", r"'max_images' does not stand here: write it below \[budget\]"),
            ("judge = 'a'", "unknown key 'judge'. Did you mean judges"),
            ("mask = 'a'", "unknown key 'mask'. Did you mean masks"),
            ("reference = 'a'", "unknown key 'reference'. Did you mean references"),
            ("maxbad = 1", "unknown key 'maxbad'. Did you mean max_bad"),
            ("sarifroot = 'a'", "unknown key 'sarifroot'. Did you mean sarif_root"),
            ("base_line = 'a'", "unknown key 'base_line'. Did you mean baseline"),
            ("weights = 3", r"weights is 3 \(a whole number\); give a safetensors file, or"),
            ("layer = ''", "layer is '' .*the name of a layer"),
            ("masks = ['a']", "masks is .* give the folder of object masks"),
            ("references = 3", "references is 3 .*give paths of natural images"),
            ("neighbours = 0", "neighbours is 0 .*a whole number from 1"),
            ("seed = -1", "seed is -1 .*a whole number from 0"),
            ("steps = 0", "steps is 0 .*a whole number from 1"),
            ("compat = 'lucid'", 'compat is \'lucid\' .*give "macoaudit" or "paper"'),
            ("spectrum = true", r"spectrum is True \(true or false\)"),
            ("offline = 'yes'", r"offline is 'yes' \(a string\); give true or false"),
            ("offline = 1", r"offline is 1 \(a whole number\); give true or false"),
            ("max_bad = 5", r"max_bad is 5 \(a whole number\); give a share of 0 to 1"),
            ("max_bad = -0.1", "give a share of 0 to 1"),
            ("max_bad = nan", "give a share of 0 to 1"),
            ("max_bad = true", "give a share of 0 to 1"),
            ("max_bad = '5'", "max_bad is '5' .*give a share of 0 to 1"),
            ("max_bad = 'few%'", "max_bad is 'few%' .*give a share of 0 to 1"),
            ("max_bad = '150%'", "give a share of 0 to 1"),
            ("baseline = []", r"baseline is \[\] \(a list\); give results.json"),
            ("sarif_root = 1", "sarif_root is 1 .*the folder of the repository"),
            ("zzz = 1", "unknown key 'zzz'. Allowed"),
            ("[budget]\nmax_image = 3", r"\[budget\] unknown key 'max_image'. Did you mean max_im"),
            ("[rules.'shortcut/plaice']", r"\[rules\] unknown key .* Did you mean shortcut/place"),
            ("[rules.'shortcut/place']\nmargin = 2", "unknown key 'margin'. Did you mean least_m"),
            ("[rules.'shortcut/place']\nseverities = {hihg = 'info'}", "Did you mean high"),
            (suppression(expiry="2026-12-31"), r"number 1 unknown key 'expiry'. Did you mean exp"),
            ("preset = 'full'", '\'full\' .a string.; give "quick" or "standard" or "thorough"'),
            ("preset = ['quick']", "preset is .* .a list."),
            ("fail_on = 'low'", "'low' .a string.; give \"high\" or \"medium\" or \"never\""),
            ("model = 3", r"model is 3 \(a whole number\); give the name of a network"),
            ("model = ' '", "model is ' '"),
            ("images = []", r"images is \[\] \(a list\); give paths"),
            ("images = [1]", "images is .* give paths"),
            ("seeds = 0", "seeds is 0 .*give a whole number from 1"),
            ("seeds = 'two'", r"seeds is 'two' \(a string\); give a whole number from 1"),
            ("seeds = true", r"seeds is True \(true or false\)"),
            ("seeds = 2.0", r"seeds is 2.0 \(a number\)"),
            ("judges = {a = 1}", r"judges is .* \(a table\); give names of networks"),
            ("budget = 3", r"budget is 3 \(a whole number\); give a table: \[budget\]"),
            ("[budget]\nmax_minutes = 0", r"\[budget\] max_minutes is 0 .*minutes above 0"),
            ("[budget]\nmax_minutes = -1", "above 0"),
            ("[budget]\nmax_minutes = inf", "above 0"),
            ("[budget]\nmax_minutes = nan", "above 0"),
            ("[budget]\nmax_images = 1", "max_images is 1 .*a whole number from 2"),
            ("rules = []", r"rules is \[\] \(a list\); give a table"),
            ("[rules]\n'shortcut/place' = 1", r"give a table: \[rules.shortcut/place\]"),
            ("[rules.'shortcut/place']\nleast_margin = 0.9", "a number from 1: the tests' own"),
            ("[rules.'shortcut/place']\nleast_margin = false", "true or false"),
            ("[rules.'shortcut/place']\nseverities.high = 'low'", 'high is \'low\' .*give "high"'),
            ("suppressions = 3", r"suppressions is 3 .*give tables: \[\[suppressions\]\]"),
            ("suppressions = [3]", "give tables"),
            (suppression(fingerprint=""), "fingerprint is missing; every suppression has"),
            (suppression(reason=""), r"\[\[suppressions\]\] number 1 reason is missing"),
            (suppression(owner=""), "owner is missing"),
            (suppression(expires=""), "expires is missing"),
            (suppression(reason='""'), "reason is ''"),
            (suppression(owner="7"), r"owner is 7 \(a whole number\)"),
            (suppression(fingerprint='"ab"'), "64 hexadecimal digits"),
            (suppression(fingerprint=f'"{"AB" * 32}"'), "64 hexadecimal digits"),
            (suppression(expires='"2026-12-31"'), r"\(a string\); give a date without quotes"),
            (suppression(expires="2026-12-31T00:00:00"), r"\(a date with a time\); give a date"),
            (suppression() * 2, "number 2 has the fingerprint of number 1; keep one"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, tmp_path, text, said):
        path = written(tmp_path, f"schema_version = 1\n{text}")
        with pytest.raises(UsageError, match=said) as caught:
            read_policy(path, TODAY)
        assert str(caught.value).startswith(f"policy {path}:")

    def test_a_suppression_lasts_a_year_at_most(self, tmp_path):
        last = TODAY + timedelta(days=366)
        text = "schema_version = 1\n" + suppression(expires=last.isoformat())
        assert read_policy(written(tmp_path, text), TODAY).suppressions[0].expires == last
        with pytest.raises(
            UsageError, match=r"2027-05-02 .a date.; give a day within a year, 2027"
        ):
            read_policy(written(tmp_path, text), TODAY - timedelta(days=1))

    def test_a_file_that_cannot_be_read(self, tmp_path):
        with pytest.raises(UsageError, match=r"there is no such file. 'macoaudit policy init'"):
            read_policy(tmp_path / "none.toml", TODAY)
        with pytest.raises(UsageError, match="cannot be read"):
            read_policy(tmp_path, TODAY)
        (tmp_path / "latin.toml").write_bytes(b"schema_version = 1 # \xe4")
        with pytest.raises(UsageError, match="is no TOML"):
            read_policy(tmp_path / "latin.toml", TODAY)


class TestFinding:
    def test_a_preset_by_its_name_and_a_file_by_its_path(self, tmp_path):
        policy, file = find_policy("thorough", tmp_path, TODAY)
        assert (policy, file) == (Policy(name="thorough", preset="thorough"), None)
        path = written(tmp_path, WHOLE)
        assert find_policy(str(path), tmp_path, TODAY) == (read_policy(path, TODAY), path)

    def test_macoaudit_toml_is_taken_where_nothing_is_named(self, tmp_path):
        assert find_policy(None, tmp_path, TODAY) == (Policy(), None)
        path = tmp_path / "macoaudit.toml"
        path.write_text("schema_version = 1\nfail_on = 'never'")
        policy, file = find_policy(None, tmp_path, TODAY)
        assert (policy.fail_on, file) == ("never", path)
        assert find_policy("quick", tmp_path, TODAY)[1] is None

    def test_what_is_neither(self, tmp_path):
        said = "'thorogh', which is neither a file nor a preset. Did you mean thorough"
        with pytest.raises(UsageError, match=said):
            find_policy("thorogh", tmp_path, TODAY)


class TestOptions:
    POLICY = Policy(
        model="net",
        images=("a",),
        seeds=3,
        judges=("j",),
        fail_on="medium",
        budget=Budget(5.0, 50),
    )

    def test_what_is_not_given_changes_nothing(self):
        assert with_options(self.POLICY, Options(images=[], judges=[])) == self.POLICY

    def test_options_beat_the_file(self):
        options = Options(
            images=[Path("b"), Path("c")],
            model="other",
            seeds=1,
            judges=["none"],
            fail_on="never",
            max_images=7,
        )
        found = with_options(self.POLICY, options, exit_zero=True)
        assert (found.images, found.model, found.seeds) == (("b", "c"), "other", 1)
        assert (found.judges, found.fail_on, found.exit_zero) == (("none",), "never", True)
        assert found.budget == Budget(5.0, 7)  # the other budget stays the file's
        assert with_options(self.POLICY, Options(max_minutes=2.0)).budget == Budget(2.0, 50)

    def test_an_option_that_is_0_or_no_was_given(self):
        policy = Policy(seed=3, offline=True, max_bad=0.5)
        found = with_options(policy, Options(seed=0, offline=False, max_bad="0%"))
        assert (found.seed, found.offline, found.max_bad) == (0, False, 0.0)

    def test_what_was_given_is_kept_by_name(self):
        assert with_options(self.POLICY, Options()).overrides == ()
        options = Options(seeds=3, max_images=7, fail_on="never", images=[Path("x")])
        found = with_options(self.POLICY, options)
        assert found.overrides == ("budget.max_images", "fail_on", "images", "seeds")
        assert found.settings()["overrides"] == list(found.overrides)

    def test_a_file_can_say_whatever_the_command_line_can(self):
        """And what it cannot is decided on purpose."""
        top = {*reading._KEYS} - {"schema_version", "preset", "budget", "rules", "suppressions"}
        options = {one.name for one in fields(Options)}
        assert options == top | {*reading._BUDGET_KEYS}
        of_the_command = set(inspect.signature(audit_command.command).parameters)
        alone = {"policy_name", "print_key", *(reading._OPTIONS)} - {"format"}
        renamed = {"report_format": "format", "judge": "judges", "reference": "references"}
        named = {renamed.get(name, name) for name in of_the_command}
        assert named == options | alone | {"format"}

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            ({"max_bad": "few"}, "--max-bad is 'few'"),
            ({"compat": "lucid"}, "--compat is 'lucid'; use one of macoaudit"),
            ({"fail_on": "low"}, "--fail-on is 'low'; use high, medium, never"),
            ({"max_images": 1}, "--max-images is 1; use at least 2"),
            ({"max_minutes": 0.0}, "--max-minutes is 0.0; use a number of minutes above 0"),
            ({"max_minutes": float("nan")}, "--max-minutes is nan"),
        ],
    )
    def test_what_is_refused(self, option, said):
        with pytest.raises(UsageError, match=said):
            with_options(self.POLICY, Options(**option))

    def test_somebody_must_name_images_and_a_network(self):
        assert require_subject(self.POLICY, None) == "net"
        with pytest.raises(UsageError, match=r"IMAGES: none .*or set images in macoaudit.toml"):
            require_subject(Policy(model="net"), None)
        with pytest.raises(UsageError, match=r"--model: no network .*or set model in ci/g.toml"):
            require_subject(Policy(images=("a",)), Path("ci/g.toml"))


class TestWriting:
    def test_what_is_written_is_the_default(self, tmp_path):
        found = read_policy(written(tmp_path, TEXT), TODAY)
        assert found.settings() == Policy().settings()
        assert found.preset == "quick"

    def test_every_commented_key_checks_too(self, tmp_path):
        """Uncommented, all lines together are a policy, and name every key that there is."""
        lines = [
            line.removeprefix("# ")
            for line in TEXT.splitlines()
            if " = " in line or line.startswith("# [")
        ]
        found = read_policy(written(tmp_path, "\n".join(lines)), TODAY)
        assert found.budget.max_minutes is not None
        assert found.budget.max_images is not None
        assert found.model is not None
        assert found.images
        assert found.judges
        assert found.seeds
        assert found.rules
        assert found.suppressions
        document = tomllib.loads("\n".join(lines))
        assert {*document} == {*reading._KEYS}
        assert {*document["budget"]} == {*reading._BUDGET_KEYS}


class TestFingerprints:
    # printf '["macoaudit finding 1","shortcut/place","demo","mushroom","place"]' | sha256sum
    @pytest.mark.parametrize(
        ("facts", "digits"),
        [
            (
                ("shortcut/place", "demo", "mushroom", "place"),
                "50fe96ee54ee2bcfd71bdbe39a7374ec66f6fbacdfecffa5ed82a9e7e09660cc",
            ),
            (
                ("shortcut/spectrum", "demo", "fish", "everywhere"),
                "3d473d94b3e7c177146e4eb9023f606e99c77b8e87877cffdcb19983c3de5652",
            ),
            (
                ("shortcut/property", "demo", "tree", "saturation"),
                "dd7653e6149b80ad3be886d65f511021d7702bd6a95e3d443d78125fd4ef1493",
            ),
            (
                ("shortcut/place", "demo", "löwe", "place"),
                "4cd6e083b19c50a92e03257308ff0f868150203f4854e4822d892a42d2ea7cc6",
            ),
        ],
    )
    def test_the_form_is_fixed(self, facts, digits):
        assert fingerprint(*facts) == digits

    def test_of_a_finding_of_a_run(self):
        run = audit()
        first, last = run.findings[0], run.findings[3]
        assert rule_of(first) == "shortcut/place"
        assert region_kind(first, "shortcut/place", run.tests) == "place"
        assert rule_of(last) == "shortcut/property"
        assert region_kind(last, "shortcut/property", run.tests) == "saturation"
        assert region_kind(last, "shortcut/spectrum", run.tests) == "everywhere"

    def test_a_property_is_the_one_that_was_flagged(self):
        one = replace(audited.finding(3), tests=("property",))
        flagged = audited.made("property", 3, 0.5, 0.003, "saturation")
        passed = audited.made("property", 3, 0.0, 0.9, "brightness")
        other = audited.made("property", 2, 0.5, 0.003, "sharpness")
        assert (flagged.outcome, passed.outcome) == ("flagged", "passed")
        for tests in ([flagged, passed, other], [passed, other, flagged]):
            assert region_kind(one, "shortcut/property", tests) == "saturation"
        assert region_kind(one, "shortcut/property", [passed]) == "property"

    def test_no_name_can_be_taken_for_another(self):
        names = ['a","b', "a", "b", '"', "\n", "\ud800", "e\u0301", "\u00e9", ""]
        found = {fingerprint("r", one, other, "p") for one in names for other in names}
        assert len(found) == len(names) ** 2

    @pytest.mark.parametrize(
        ("tests", "rule"),
        [
            (("patch transfer", "stamp", "property"), "shortcut/place"),
            (("anomaly", "component"), "shortcut/place"),
            (("masks",), "shortcut/place"),
            (("spectrum transfer", "spectrum recurrence", "stamp"), "shortcut/spectrum"),
            (("property shift", "property"), "shortcut/property"),
            (("property", "stamp"), "shortcut/property"),
        ],
    )
    def test_the_test_that_leads_says_the_rule(self, tests, rule):
        assert rule_of(audited.finding(0, tests=tests)) == rule

    def test_a_test_of_no_rule_is_refused(self):
        with pytest.raises(UsageError, match="'tea leaves' is of no rule"):
            rule_of(audited.finding(0, tests=("tea leaves",)))

    def test_every_pair_of_tests_makes_one_claim_of_its_own(self):
        verdict = pytest.importorskip("macoaudit.shortcuts.verdict")
        rules = []
        for causal, consistent in verdict._PAIRS:
            own = {rule_of(audited.finding(0, tests=(test,))) for test in causal | consistent}
            assert len(own) == 1
            rules += own
        assert sorted(rules) == sorted(RULES)
