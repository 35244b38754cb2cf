"""SARIF: valid against the published schema, and none of what services refuse a file for."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from jsonschema import Draft7Validator
from verdicts import HOSTILE, OUTCOMES, fixed, gate, incomplete, many, outcome_run, with_findings

import macoaudit
from macoaudit.formats import to_sarif
from macoaudit.formats.rules import RULES
from macoaudit.formats.sarif import MAX_NOTIFICATIONS, MAX_RESULTS
from macoaudit.gate import RULES as gate_rules
from macoaudit.results import Skipped

ROOT = Path(macoaudit.__file__).parents[1]


def log(run):
    (one,) = json.loads(to_sarif(run))["runs"]
    return one


@pytest.fixture(scope="session")
def validator(assets):
    schema = json.loads((assets / "schemas" / "sarif-schema-2.1.0.json").read_text())
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


@pytest.mark.assets
def test_it_is_valid_against_the_published_schema(validator, audit):
    document = json.loads(to_sarif(audit))
    assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.assets
@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["results"][0].update(level="high"),
        lambda one: one["results"][0].update(baselineState="fixed"),
        lambda one: one["results"][0]["locations"][0]["physicalLocation"].pop("artifactLocation"),
        lambda one: one["invocations"][0].pop("executionSuccessful"),
        lambda one: one["results"][0].pop("message"),
    ],
)
def test_the_schema_finds_what_is_wrong(validator, change):
    document = json.loads(to_sarif(with_findings()))
    change(document["runs"][0])
    assert list(validator.iter_errors(document))


class TestEveryResult:
    def test_it_has_a_place_that_services_accept(self, audit):
        for result in log(audit)["results"]:
            (location,) = result["locations"]
            place = location["physicalLocation"]
            uri = place["artifactLocation"]["uri"]
            assert place["region"] == {"startLine": 1}
            assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri)
            assert not uri.startswith("/")
            assert "" not in uri.split("/")
            assert ".." not in uri.split("/")

    def test_it_has_a_rule_and_fingerprints(self, audit):
        one = log(audit)
        rules = one["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for result in one["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            prints = result["partialFingerprints"]
            assert re.fullmatch("[0-9a-f]{64}", prints["macoauditFinding/v1"])
            assert prints["primaryLocationLineHash"] == prints["macoauditFinding/v1"] + ":1"
        for rule in rules:
            texts = [rule[key]["text"] for key in ("shortDescription", "fullDescription", "help")]
            assert all(texts)
            assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")

    def test_texts_mean_themselves(self):
        texts = [result["message"]["text"] for result in log(outcome_run("hostile"))["results"]]
        assert "{{{{7*7}}}}" in texts[10]  # doubled: no placeholder
        assert not any(re.search(r"\]\(", text) for text in texts)  # no embedded link
        assert not any("\n" in text for text in texts)


def test_levels_follow_the_severity_and_the_worst_image_is_named():
    one = log(with_findings())
    assert [result["level"] for result in one["results"]] == ["error", "error", "warning", "note"]
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in one["results"]
    ]
    assert uris == [f"{name}/{name}-0.jpg" for name in ("mushroom", "fish", "cactus", "tree")]
    assert [result["ruleId"] for result in one["results"]] == [
        "shortcut/place",
        "shortcut/place",
        "shortcut/spectrum",
        "shortcut/property",
    ]
    assert "baselineState" not in one["results"][0]
    message = one["results"][0]["message"]["text"]
    assert message.startswith("A small white mark in the upper right corner. Margin 1.81. Pasted")


class TestInARepository:
    """The record knows where the images lie."""

    def placed(self, run, **places):
        return replace(run, volatile={**run.volatile, "places": places})

    def addresses(self, run):
        places = [one["locations"][0]["physicalLocation"] for one in log(run)["results"]]
        return [place["artifactLocation"] for place in places]

    def test_addresses_are_relative_to_its_root(self):
        run = self.placed(with_findings(), images="data sets/ü", policy="ci/gate.toml")
        first = self.addresses(run)[0]
        assert first == {
            "uri": "data%20sets/%C3%BC/mushroom/mushroom-0.jpg",
            "uriBaseId": "%SRCROOT%",
        }
        bases = log(run)["originalUriBaseIds"]
        assert list(bases) == ["%SRCROOT%"]
        assert "uri" not in bases["%SRCROOT%"]  # where it was checked out is not said

    def test_the_root_itself(self):
        first = self.addresses(self.placed(with_findings(), images=".", policy=None))[0]
        assert first["uri"] == "mushroom/mushroom-0.jpg"
        assert first["uriBaseId"] == "%SRCROOT%"

    def test_what_has_no_image_lies_in_the_policy_that_was_used(self):
        run = self.placed(fixed(), images="photos", policy="ci/gate one.toml")
        assert self.addresses(run)[-1]["uri"] == "ci/gate%20one.toml"
        run = self.placed(fixed(), images="photos", policy=None)
        assert self.addresses(run)[-1]["uri"] == "macoaudit.toml"

    def test_outside_of_one_nothing_is_said_of_it(self):
        assert "originalUriBaseIds" not in log(with_findings())
        assert self.addresses(with_findings())[0] == {"uri": "mushroom/mushroom-0.jpg"}

    @pytest.mark.parametrize("places", [3, [], {"images": 3}, {"images": None}, None])
    def test_an_edited_fact_is_none(self, places):
        run = with_findings()
        run = replace(run, volatile={**run.volatile, "places": places})
        assert to_sarif(run) == to_sarif(with_findings())

    def test_no_fact_leads_out_of_it(self):
        run = self.placed(with_findings(), images="/etc/../../x", policy="C:\\y")
        assert self.addresses(run)[0]["uri"] == "etc/x/mushroom/mushroom-0.jpg"

    @pytest.mark.assets
    def test_it_is_valid_against_the_published_schema(self, validator, audit):
        document = json.loads(to_sarif(self.placed(audit, images="a b", policy="p.toml")))
        assert [error.message for error in validator.iter_errors(document)] == []


def test_rules_are_those_of_the_gate_and_every_name_in_the_documents_is_one():
    assert tuple(rule.id for rule in RULES) == gate_rules
    for name in ("docs/formats.md", "docs/policy.md", "docs/ci.md", "macoaudit/gate/writing.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert set(re.findall(r"shortcut/[a-z]+", text)) <= {*gate_rules}, name


def test_every_known_rule_is_always_there():
    for kind in OUTCOMES:
        rules = log(outcome_run(kind))["tool"]["driver"]["rules"]
        assert [rule["id"] for rule in rules[: len(RULES)]] == [rule.id for rule in RULES]


def test_a_hostile_path_is_encoded_and_found_again():
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in log(outcome_run("hostile"))["results"]
    ]
    decoded = {unquote(uri) for uri in uris}
    for name in ("=1+1", HOSTILE[3].replace("/", "/"), HOSTILE[10]):
        parts = [part for part in name.split("/") if part]
        assert "/".join(parts + parts) in decoded


def test_a_fixed_finding_is_absent_and_lies_in_the_policy():
    results = log(fixed())["results"]
    states = [result["baselineState"] for result in results]
    assert states == ["updated", "unchanged", "new", "new", "absent"]
    place = results[-1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "macoaudit.toml"
    assert "is gone" in results[-1]["message"]["text"]


def test_a_suppression_has_its_reason():
    results = log(outcome_run("suppressed"))["results"]
    aside = {"kind": "external", "status": "accepted"}
    reason = "the spot is the eye; looked at by hand"
    assert [result["suppressions"] for result in results] == [
        [],
        [],
        [{**aside, "justification": reason}],
        [{**aside, "justification": reason}],
    ]


class TestInvocation:
    def test_an_incomplete_audit_was_not_successful_and_says_why(self):
        (invocation,) = log(incomplete())["invocations"]
        assert invocation["executionSuccessful"] is False
        assert invocation["exitCode"] == 2
        told = [
            (n["level"], n["message"]["text"]) for n in invocation["toolExecutionNotifications"]
        ]
        assert told[0][0] == "error"
        assert told[0][1].startswith("incomplete: ")
        assert ("error", "no class could be tested") in told
        assert any(
            level == "note" and text.startswith("Not tested: class boat: ") for level, text in told
        )

    @pytest.mark.parametrize("kind", ["pass", "findings", "suppressed", "fixed"])
    def test_a_finding_is_no_failure_of_the_tool(self, kind):
        (invocation,) = log(outcome_run(kind))["invocations"]
        assert invocation["executionSuccessful"] is True
        assert invocation["exitCode"] == OUTCOMES[kind][2]
        texts = [n["message"]["text"] for n in invocation["toolExecutionNotifications"]]
        assert any("judge" in text for text in texts)  # a check that was skipped

    def test_notes_are_bounded(self):
        run = with_findings()
        run = replace(run, skipped=tuple(Skipped(f"check {n}", "reason") for n in range(900)))
        (invocation,) = log(run)["invocations"]
        told = invocation["toolExecutionNotifications"]
        assert len(told) == MAX_NOTIFICATIONS + 1
        # two classes, two checks of all images
        assert told[-1]["message"]["text"] == "404 more notes, see the report"


def test_at_most_5000_results_the_worst_first():
    one = log(many(2000))
    assert len(one["results"]) == MAX_RESULTS == 5000
    levels = [result["level"] for result in one["results"]]
    assert levels == ["error"] * 2000 + ["warning"] * 2000 + ["note"] * 1000
    assert one["properties"]["findingsLeftOut"] == 1000
    (invocation,) = one["invocations"]
    first = invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert first == "1,000 more findings, see the report; the worst 5,000 are here"


def test_the_category_is_the_model():
    run = with_findings()
    assert log(run)["automationDetails"]["id"] == "macoaudit/vit_tiny/"
    hostile = replace(
        run, model=replace(run.model, name="a/b c"), gate=gate("fail", run.gate.findings)
    )
    assert log(hostile)["automationDetails"]["id"] == "macoaudit/a%2Fb%20c/"
