"""Networks whose loss is known: what the measures say of them, from the image to the record."""

import shutil
from pathlib import Path

import pytest
from networks import write_card
from starts import read_whole

from macoaudit.config import InvertConfig, MacoConfig, ViewConfig, constant
from macoaudit.pipeline import run_invert
from macoaudit.results import ImageAudit, Retained, Retention, Run

SAMPLES = Path(__file__).parent.parent / "samples"
PICTURES = ("photographs/astronaut.jpg", "balloon/balloon-1.jpg", "fish/fish-1.jpg",
            "flower/flower-2.jpg")  # fmt: skip
# The whole image at every step: pixels that are compared at their place allow no crop.
WHOLE = MacoConfig(
    n_steps=128,
    views=ViewConfig(side_low=constant(1.0), side_high=constant(1.0)),
    tolerance=0.0,
)
BANDS = tuple(f"bands_{i}" for i in range(1, 5))  # of 32 px: 1-2, 2-4, 4-8 and 8-16 cycles


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Runs of the network that loses the thing named, each made once."""
    runs: dict[str, Run] = {}

    def make(lose: str) -> Run:
        if lose not in runs:
            desk = tmp_path_factory.mktemp(lose)
            (desk / "pictures").mkdir()
            for name in PICTURES:
                shutil.copy(SAMPLES / name, desk / "pictures")
            run_invert(
                InvertConfig(
                    images=(desk / "pictures",),
                    model=str(write_card(desk, "Pixels", lose=lose)),
                    out=desk / "run",
                    formats=(),
                    n_seeds=2,
                    maco=WHOLE,
                    trust=False,
                )
            )
            runs[lose] = read_whole(desk / "run")
        return runs[lose]

    return make


def values(run: Run, name: str) -> list[float]:
    """Retention of one attribute in every image that has it."""
    found = []
    for image in run.images:
        assert isinstance(image.retention, Retention)
        measured = image.retention.attributes[name]
        if isinstance(measured, Retained):
            assert 0 <= measured.low <= measured.value <= measured.high <= 1
            found.append(measured.value)
    assert len(found) >= 3, f"{name} can be measured on {len(found)} images"
    return found


def mean(run: Run, name: str) -> float:
    found = values(run, name)
    return sum(found) / len(found)


class TestIdentity:
    """The activation is the image: everything is retained."""

    @pytest.mark.parametrize(
        ("name", "least"),
        [
            ("layout", 0.95),
            ("layout_shifted", 0.95),
            ("orientation", 0.8),
            ("color", 0.8),
            ("bands_1", 0.95),
            ("bands_2", 0.8),
            ("bands_3", 0.9),
            ("bands_4", 0.75),
        ],
    )
    def test_everything_is_retained(self, known, name, least):
        assert min(values(known("nothing"), name)) >= least

    def test_no_null_image_is_as_like(self, known):
        for image in known("nothing").images:
            layout = image.retention.attributes["layout"]
            assert layout.p_value == pytest.approx(1 / 65)


class TestGrey:
    """The activation is the image in grey: its colours cannot be known."""

    def test_no_color_is_retained(self, known):
        assert max(values(known("color"), "color")) <= 0.1

    def test_colors_are_not_told_from_chance(self, known):
        for image in known("color").images:
            assert image.retention.attributes["color"].p_value > 0.05

    @pytest.mark.parametrize("name", ["layout", "bands_1", "bands_2", "bands_3"])
    def test_all_else_is(self, known, name):
        assert min(values(known("color"), name)) >= 0.8


class TestPooled:
    """The activation is the mean over the image of local features: nothing has a place."""

    @pytest.mark.parametrize("name", ["layout", *BANDS])
    def test_no_layout_is_retained(self, known, name):
        assert mean(known("layout"), name) <= 0.2

    def test_it_is_the_measure_that_says_so_and_not_a_failure_to_invert(self, known):
        assert all(image.similarity > 0.9 for image in known("layout").images)


class TestLowPass:
    """The activation is the image at 8 x 8: up to 4 cycles are kept, above 8 nothing is."""

    def test_low_bands_are_kept_and_the_highest_is_lost(self, known):
        run = known("detail")
        assert min(values(run, "bands_1")) >= 0.9
        assert mean(run, "bands_2") >= 0.6
        assert mean(run, "bands_3") <= 0.4
        assert max(values(run, "bands_4")) <= 0.2

    def test_layout_and_color_are_kept(self, known):
        assert min(values(known("detail"), "layout")) >= 0.95
        assert mean(known("detail"), "color") >= 0.7


def test_the_networks_differ_as_planted(known):
    """Each loses what it loses by a margin over the one that loses nothing."""
    for lose, name in (("color", "color"), ("layout", "layout"), ("detail", "bands_4")):
        assert mean(known("nothing"), name) - mean(known(lose), name) > 0.6


@pytest.mark.slow
class TestTrained:
    """The demo network against the same with random weights, on the trust panel."""

    def demo(self, tmp_path: Path, weights: str | None) -> Run:
        names = ("fish/fish-1.jpg", "tree/tree-1.jpg", "house/house-1.jpg")
        files = tuple(SAMPLES / name for name in names)
        run_invert(
            InvertConfig(
                images=files,
                model="demo",
                weights=weights,
                out=tmp_path / "run",
                formats=(),
                n_seeds=2,
                maco=MacoConfig(n_steps=48),
                judges=("none",),
            )
        )
        return read_whole(tmp_path / "run")

    def test_random_weights_do_not_pass_for_the_trained_ones(self, tmp_path):
        check = {item.name: item for item in self.demo(tmp_path, None).trust}["random weights"]
        assert check.outcome == "as expected"
        assert check.value < check.threshold < check.details["trained"]

    def test_a_network_with_random_weights_has_no_such_control(self, tmp_path):
        run = self.demo(tmp_path, "random")
        check = {item.name: item for item in run.trust}["random weights"]
        assert (check.outcome, check.reason) == (
            "skipped",
            "the audited network itself has random weights",
        )
        assert run.model.weights_origin == "random"
        assert all(isinstance(image, ImageAudit) for image in run.images)
