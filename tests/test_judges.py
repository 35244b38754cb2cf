"""Which networks judge: the default ones, named ones, and what becomes of those not to be had."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import write_card

from macoaudit import judges as judging
from macoaudit.config import InvertConfig
from macoaudit.errors import UnreachableError, UsageError, WeightsError
from macoaudit.judges import feature_space, load_judges
from macoaudit.models import (
    IMAGENET_JUDGES,
    PACKAGED,
    LoadedModel,
    hub,
    hub_reachable,
    imagenet_names,
    import_timm,
    load_model,
)
from macoaudit.results import Skipped


def config(model: str = "net", *judges: str, **more: Any) -> InvertConfig:
    return InvertConfig((Path("x"),), model, Path("out"), judges=judges, **more)


@pytest.fixture
def net(tmp_path: Path) -> LoadedModel:
    return load_model(write_card(tmp_path))


@pytest.fixture
def imagenet(tiny_resnet: LoadedModel) -> LoadedModel:
    """A network that has the names of ImageNet's classes."""
    return dataclasses.replace(tiny_resnet, labels=imagenet_names(), weights_origin="file")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


class Downloads:
    """Stands in for the hub: counts the questions, and answers as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, reachable: bool) -> None:
        self.probes = 0
        self.loads: list[tuple[str, bool]] = []
        self.reachable, self.cached = reachable, set[str]()
        self.error: type[Exception] = UnreachableError
        self.network = load_model("test_resnet", weights="random")
        monkeypatch.setattr(judging, "hub_reachable", self.probe)
        monkeypatch.setattr(judging, "load_model", self.load)

    def probe(self) -> bool:
        self.probes += 1
        return self.reachable

    def load(self, name: str, *, offline: bool, **_: object) -> LoadedModel:
        self.loads.append((name, offline))
        if name in self.cached:
            labels = imagenet_names()
            return dataclasses.replace(self.network, name=name, architecture=name, labels=labels)
        kind = UnreachableError if offline else self.error
        raise kind(f"--model {name}: its pretrained weights cannot be had. {hub.REMEDIES}")


class TestDefaults:
    @pytest.mark.parametrize("name", PACKAGED)
    def test_packaged_networks_are_judged_by_the_other_two(self, name):
        found = load_judges(config(name), load_model(name))
        assert {judge.name for judge in found.same_classes} == set(PACKAGED) - {name}
        assert (found.other_classes, found.not_by_class, found.skipped) == ((), (), ())

    def test_other_classes_have_none(self, net):
        (skipped,) = load_judges(config(), net).skipped
        assert skipped.check == "transfer"
        assert "the classes of net (4) are not those of ImageNet-1k" in skipped.reason
        assert "--judge" in skipped.reason

    def test_a_thousand_classes_of_other_names_are_not_imagenet(self, imagenet):
        other = dataclasses.replace(imagenet, labels=tuple(f"class {i}" for i in range(1000)))
        (skipped,) = load_judges(config(), other).skipped
        assert "not those of ImageNet-1k" in skipped.reason

    def test_random_weights_have_none(self, tiny_resnet):
        (skipped,) = load_judges(config(), tiny_resnet).skipped
        assert "random weights" in skipped.reason

    def test_turned_off(self):
        found = load_judges(config("demo", "none"), load_model("demo"))
        assert found.skipped == (Skipped("transfer", "turned off with --judge none"),)
        assert (found.same_classes, found.other_classes) == ((), ())

    def test_the_six_families_are_in_timm_as_hub_files_with_a_thousand_classes(self):
        timm = import_timm()
        families = ("mobilenet", "vgg16", "xception", "efficientnet", "convnext_tiny", "densenet")
        for name, family in zip(IMAGENET_JUDGES, families, strict=True):
            assert name.startswith(family)
            facts = timm.get_pretrained_cfg(name)
            assert facts.hf_hub_id
            assert facts.num_classes == 1000
            assert facts.tag == name.split(".")[1]


class TestNetwork:
    def test_without_one_the_hub_is_asked_once_and_nothing_is_downloaded(
        self, imagenet, monkeypatch
    ):
        hub = Downloads(monkeypatch, reachable=False)
        hub.cached = {IMAGENET_JUDGES[3]}
        found = load_judges(config(), imagenet)
        assert hub.probes == 1
        assert hub.loads == [(name, True) for name in IMAGENET_JUDGES]
        assert [judge.name for judge in found.same_classes] == [IMAGENET_JUDGES[3]]
        assert [entry.reason.split(":")[0] for entry in found.skipped] == [
            f"judge {name}" for name in IMAGENET_JUDGES if name != IMAGENET_JUDGES[3]
        ]
        assert all("without a network" in entry.reason for entry in found.skipped)
        assert all("--model" not in entry.reason for entry in found.skipped)

    def test_once_a_download_fails_the_others_are_not_tried(self, imagenet, monkeypatch):
        """The hub answers, but its files do not come."""
        hub = Downloads(monkeypatch, reachable=True)
        load_judges(config(), imagenet)
        first = IMAGENET_JUDGES[0]
        assert hub.probes == 1
        assert hub.loads == [(first, True), (first, False)] + [
            (name, True) for name in IMAGENET_JUDGES[1:]
        ]

    def test_another_failure_stops_no_other_download(self, imagenet, monkeypatch):
        hub = Downloads(monkeypatch, reachable=True)
        hub.error = WeightsError
        found = load_judges(config(), imagenet)
        assert len(hub.loads) == 2 * len(IMAGENET_JUDGES)
        reason = found.skipped[0].reason
        assert reason == f"judge {IMAGENET_JUDGES[0]}: its pretrained weights cannot be had."

    def test_offline_asks_nobody(self, imagenet, monkeypatch):
        hub = Downloads(monkeypatch, reachable=True)
        load_judges(config(offline=True), imagenet)
        assert hub.probes == 0
        assert {offline for _, offline in hub.loads} == {True}

    def test_what_is_in_the_cache_needs_no_question(self, imagenet, monkeypatch):
        hub = Downloads(monkeypatch, reachable=True)
        hub.cached = set(IMAGENET_JUDGES)
        assert len(load_judges(config(), imagenet).same_classes) == 6
        assert (hub.probes, len(hub.loads)) == (0, 6)

    def test_with_an_empty_cache_and_no_network_it_takes_seconds(
        self, imagenet, empty_cache, monkeypatch
    ):
        """The real loader: no network is built, none of the hub's waits are made."""
        monkeypatch.setattr(judging, "hub_reachable", lambda: False)
        began = time.perf_counter()
        found = load_judges(config(), imagenet)
        assert time.perf_counter() - began < 2
        assert len(found.skipped) == 6

    def test_a_dead_connection_is_told_from_other_failures(self, empty_cache, monkeypatch):
        timm = import_timm()

        def failing(error: Exception) -> type[Exception]:
            def fail(*_: object, **__: object) -> None:
                raise RuntimeError("wrapped") from error

            monkeypatch.setattr(timm.models._hub, "hf_hub_download", fail)
            with pytest.raises(WeightsError) as caught:
                load_model("test_resnet")
            return caught.type

        assert failing(TimeoutError()) is UnreachableError
        assert failing(ConnectionRefusedError()) is UnreachableError
        assert failing(ValueError("no such file in the repository")) is WeightsError


class TestProbe:
    @pytest.fixture
    def address(self) -> Iterator[str]:
        from http.server import BaseHTTPRequestHandler, HTTPServer

        class Refusing(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(403)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Refusing)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    def test_any_answer_is_one_and_none_is_none(self, address, monkeypatch):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert hub_reachable()
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        began = time.perf_counter()
        assert not hub_reachable()
        assert time.perf_counter() - began < 2

    def test_a_look_up_that_hangs_is_not_waited_for(self, monkeypatch):
        import huggingface_hub

        class Hanging:
            def head(self, *_: object, **__: object) -> None:
                time.sleep(1.5)

        monkeypatch.setattr(huggingface_hub, "get_session", Hanging)
        began = time.perf_counter()
        assert not hub_reachable(timeout_s=0.2)
        assert time.perf_counter() - began < 1


class TestNamed:
    def test_a_judge_with_other_classes_or_none_is_kept_for_prototypes(self, net, tmp_path):
        cards = [
            str(write_card(tmp_path, name=name, seed=1, classes=classes))
            for name, classes in (("same", 4), ("three", 3), ("blind", 0))
        ]
        found = load_judges(config("net", *cards), net)
        assert [judge.name for judge in found.same_classes] == ["same"]
        assert [judge.name for judge in found.other_classes] == ["three", "blind"]
        reasons = [entry.reason for entry in found.not_by_class]
        assert reasons[0].startswith("judge three: its 3 classes are not the 4 of net")
        assert reasons[1].startswith("judge blind: one of the two networks has no classes")
        assert found.skipped == ()

    def test_the_audited_network_itself_and_other_channels_are_skipped(self, net, tmp_path):
        itself = write_card(tmp_path, name="itself")
        grey = write_card(tmp_path, name="grey", channels=1)
        found = load_judges(config("net", str(itself), str(grey)), net)
        assert (found.same_classes, found.other_classes) == ((), ())
        assert f"judge {itself}: is net itself" in found.skipped[0].reason
        assert "takes images of 1 channels, those of net have 3" in found.skipped[1].reason

    def test_one_that_is_not_there_is_named_as_the_user_named_it(self, net):
        found = load_judges(config("net", "resnet5O", "gone.toml"), net)
        assert found.skipped[0].reason.startswith("judge resnet5O: there is no such model.")
        assert "resnet50" in found.skipped[0].reason
        assert found.skipped[1].reason.startswith("judge gone.toml: there is no such model card")

    def test_a_device_that_is_not_there_is_still_an_error(self, net):
        with pytest.raises(UsageError, match="--device nowhere"):
            load_judges(config("net", "demo", device="nowhere"), net)


class TestFeatureSpace:
    def test_the_first_judge_that_has_the_layer(self, net, tmp_path):
        blind = load_model(write_card(tmp_path, name="blind", classes=0))
        judge = load_model(write_card(tmp_path, name="judge", classes=3, seed=1))
        space = feature_space(net, (blind, judge))
        assert not isinstance(space, Skipped)
        assert (space.name, space.model, space.layer) == ("judge penultimate", judge, "penultimate")

    def test_without_a_judge_the_name_says_whose_it_is(self, net):
        space = feature_space(net, ())
        assert not isinstance(space, Skipped)
        assert space.name == "net penultimate, the audited network's own"
        assert space.model is net

    def test_nowhere(self, tmp_path):
        blind = load_model(write_card(tmp_path, name="blind", classes=0))
        space = feature_space(blind, ())
        assert isinstance(space, Skipped)
        assert space.check == "plausibility"
        assert "blind" in space.reason


def test_the_random_state_is_left_alone(net):
    before = torch.get_rng_state()
    load_judges(config("net", "demo"), net)
    assert torch.equal(torch.get_rng_state(), before)
