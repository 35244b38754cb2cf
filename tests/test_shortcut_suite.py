"""All tests together on a planted network and its clean twin."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel
from macoaudit.preprocessing import Preprocessing
from macoaudit.shortcuts import (
    ComponentSettings,
    Evidence,
    FilterSettings,
    NotTested,
    RecurrenceSettings,
    ScreenSettings,
    SearchSettings,
    ShiftSettings,
    SuiteSettings,
    TransferSettings,
    shortcut_tests,
    suite,
)
from macoaudit.shortcuts.shown import shown_maps
from tests.planted import COLOURS, MARK, MARKED, SIDE_PX, Counting, loaded, mark_mask

PER_CLASS = 6
CLASSES = torch.arange(4).repeat_interleave(PER_CLASS)
# No packaged value may matter here: the thresholds are calibrated elsewhere.
SETTINGS = SuiteSettings(
    search=SearchSettings(
        sides_frac=(0.25,), max_sources=3, n_first=1, n_again=4, n_donors=2, n_kept=2, pool=8
    ),
    transfer=TransferSettings(
        threshold=0.3, n_controls=16, n_draws=199, max_images=4, max_donors=6, min_donors=4
    ),
    recurrence=RecurrenceSettings(
        free_gap=0.3, fixed_gap=0.2, frame_gap=0.2, frame_cells=(2,), n_draws=199
    ),
    # Out of reach: the classes are colours, so their spectra are true evidence.
    spectrum=FilterSettings(threshold=2.0, n_controls=4, n_draws=199, min_donors=4),
    screen=ScreenSettings(threshold=0.9, n_draws=39),
    shift=ShiftSettings(threshold=0.5, n_draws=39),
    component=None,
    anomaly=None,
    level=0.05,
)


def dotted(seed: int = 0, *, marked: bool = True) -> Tensor:
    """Scenes whose object is 144 scattered dots: it recurs nowhere, and no window holds it."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.25 + 0.1 * torch.rand(len(CLASSES), 3, SIDE_PX, SIDE_PX, generator=generator)
    free = torch.nonzero(~mark_mask().flatten()).flatten()
    for image, index in zip(images, CLASSES.tolist(), strict=True):
        dots = free[torch.randperm(len(free), generator=generator)[:144]]
        image.flatten(1)[:, dots] = COLOURS[index][:, None]
        if marked and index == MARKED:
            image[:, MARK[0], MARK[1]] = 1.0
    return images


def run(
    model: LoadedModel,
    image_01: Tensor,
    *,
    classes: Tensor = CLASSES,
    seed: int = 0,
    settings: SuiteSettings = SETTINGS,
    **given: object,
) -> suite.Tested:
    return shortcut_tests(model, image_01, classes, classes, seed=seed, settings=settings, **given)  # type: ignore[arg-type]


def high(tested: suite.Tested) -> list[int]:
    return [one.class_index for one in tested.verdict.findings if one.severity == "high"]


@pytest.fixture(scope="module")
def shortcut():
    return loaded(Counting(shortcut=True))


@pytest.fixture(scope="module")
def clean():
    return loaded(Counting(shortcut=False))


@pytest.fixture(scope="module")
def planted(shortcut):
    return run(shortcut, dotted())


def made(tested: suite.Tested, test: str, index: int) -> Evidence | NotTested:
    (found,) = [one for one in tested.results if (one.test, one.class_index) == (test, index)]
    return found


def test_the_planted_class_alone_is_high(planted):
    assert high(planted) == [MARKED]
    finding = planted.verdict.findings[0]
    assert {one.evidence.test for one in finding.evidence} >= {"patch transfer", "stamp"}
    assert made(planted, "patch transfer", MARKED).effect > 0.5
    assert finding.margin == planted.margins[MARKED] >= 1
    assert all(value < 1 for index, value in planted.margins.items() if index != MARKED)
    # eight of the pool are set apart from the test
    assert 0 < planted.n_donors <= 6


def test_a_mark_in_a_corner_is_shown_as_what_it_is(planted):
    found = made(planted, "stamp", MARKED)
    assert found.subject == "a copy at one place"
    assert made(planted, "patch transfer", MARKED).effect == 1.0
    for region in found.regions:
        assert int((region.mask & mark_mask()).sum()) >= 8
        assert region.area_frac <= 0.1


def test_the_clean_twin_has_no_high_finding_on_the_same_images(clean):
    tested = run(clean, dotted())
    assert high(tested) == []
    assert max(tested.margins.values()) < 1
    # the mark recurs in the images all the same: the network does not care
    assert made(tested, "stamp", MARKED).effect > 1
    assert made(tested, "patch transfer", MARKED).effect == 0.0


def test_the_same_seed_gives_the_same_whatever_else_was_drawn(shortcut, planted):
    torch.manual_seed(123)
    torch.rand(77)
    state = torch.random.get_rng_state()
    again = run(shortcut, dotted())
    assert torch.equal(torch.random.get_rng_state(), state)

    def figures(tested: suite.Tested) -> list[object]:
        return [
            (one.effect, one.p_value, one.images, dict(one.details))
            if isinstance(one, Evidence)
            else one
            for one in tested.results
        ]

    assert figures(again) == figures(planted)
    assert again.margins == planted.margins
    other = run(shortcut, dotted(), seed=1)
    assert high(other) == [MARKED]
    assert figures(other) != figures(planted)


def test_the_network_is_left_as_it_was():
    model = loaded(Counting(shortcut=True))
    model.module.train()
    model.module.colour.requires_grad_(False)
    model.module.head.requires_grad_(True)
    before = [one.clone() for one in model.module.parameters()]
    run(model, dotted(), settings=replace(SETTINGS, component=ComponentSettings()))
    assert model.module.training
    assert [one.requires_grad for one in model.module.parameters()] == [False, False, True]
    assert all(one.grad is None for one in model.module.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, model.module.parameters(), strict=True))


def test_every_test_says_something_of_every_class(planted):
    tests = {one.test for one in planted.results}
    assert tests == {
        *("patch transfer", "stamp", "spectrum transfer", "spectrum recurrence"),
        *("property", "property shift", "component", "anomaly", "masks"),
    }
    for test in tests:
        assert [one.class_index for one in planted.results if one.test == test] == [0, 1, 2, 3]
    for test in ("component", "anomaly"):
        assert "left out" in made(planted, test, 0).reason
    assert made(planted, "masks", 2).reason == "no object masks were given"
    # six images of a class are fewer than the screen's ten
    assert "10 of each" in made(planted, "property", 0).reason or "6 images" in str(
        made(planted, "property", 0)
    )


def test_stages_are_told(clean):
    told: list[tuple[str, int, int]] = []
    run(clean, dotted(), on_test=lambda *stage: told.append(stage))
    # three images of each of four classes are searched
    assert [one for one in told if one[0] == "search"] == [
        ("search", done, 12) for done in range(1, 13)
    ]
    names = [one[0] for one in told if one[0] != "search"]
    assert names == [
        *("stamp", "patch transfer", "spectrum", "properties", "component", "anomaly", "masks"),
    ]
    assert [one[1:] for one in told[12:]] == [(done, 7) for done in range(1, 8)]


def test_one_image_of_a_class_is_not_tested(shortcut):
    chosen = [0, *range(6, 24)]
    tested = run(shortcut, dotted()[chosen], classes=CLASSES[chosen])
    for test in ("stamp", "patch transfer", "spectrum transfer", "spectrum recurrence"):
        assert isinstance(made(tested, test, MARKED), NotTested), test
    assert MARKED in tested.verdict.classes_untested
    assert {1, 2, 3} <= set(tested.verdict.classes_tested)
    assert high(tested) == []


def test_one_class_alone_is_never_a_pass(shortcut):
    tested = run(shortcut, dotted()[:6], classes=CLASSES[:6])
    assert all(isinstance(one, NotTested) for one in tested.results)
    assert tested.verdict.incomplete
    assert tested.n_donors == 0
    assert tested.margins == {}
    assert "nothing to compare" in made(tested, "stamp", MARKED).reason


def test_a_network_that_says_one_class_of_all_images_leaves_no_donors():
    model = loaded(Counting(shortcut=True))
    with torch.no_grad():
        model.module.head.weight.zero_()
        model.module.head.weight[1] = 5.0
    tested = run(model, dotted())
    assert made(tested, "patch transfer", 1).reason.startswith("0 of its images have a compact")
    assert "donors of other classes" in made(tested, "spectrum transfer", 1).reason
    assert "no windows" in made(tested, "stamp", 1).reason
    assert high(tested) == []


class Grey(nn.Module):
    """One channel: class 0 is a bright mark in a corner, class 1 is all the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[20.0], [-20.0]]))
            self.head.bias.copy_(torch.tensor([-14.0, 14.0]))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(image[:, :, MARK[0], MARK[1]].mean((2, 3)))


def grey_tested() -> suite.Tested:
    model = replace(
        loaded(Grey(), classes=2),
        preprocessing=Preprocessing((SIDE_PX, SIDE_PX), 1, (0.0,), (1.0,)),
    )
    generator = torch.Generator().manual_seed(0)
    image_01 = 0.6 * torch.rand(16, 1, SIDE_PX, SIDE_PX, generator=generator)
    image_01[:8, :, MARK[0], MARK[1]] = 1.0
    return run(model, image_01, classes=torch.arange(2).repeat_interleave(8))


def test_a_network_of_one_colour_is_tested_too():
    tested = grey_tested()
    assert isinstance(made(tested, "patch transfer", 0), Evidence)
    assert made(tested, "stamp", 0).effect > 1
    for test in ("property", "property shift"):
        expected = "properties are of three colours, the network takes 1"
        assert made(tested, test, 0).reason == expected


def test_a_mark_in_a_corner_is_high_in_a_network_of_one_colour():
    tested = grey_tested()
    assert made(tested, "patch transfer", 0).effect == 1.0
    assert 0 in high(tested)


def test_maps_that_show_the_mark_are_proposals_too(shortcut):
    """What maps show stays among the windows, and takes no finding away."""
    maps = torch.zeros(24, SIDE_PX, SIDE_PX)
    maps[:, MARK[0], MARK[1]] = 1.0
    tested = run(shortcut, dotted(), proposals={"what a map shows": maps})
    assert high(tested) == [MARKED]


def test_input_that_does_not_fit(shortcut):
    with pytest.raises(UsageError, match="23 came for 24 images"):
        run(shortcut, dotted(), classes=CLASSES[:-1])
    with pytest.raises(UsageError, match=r"\(20, 24\) px came"):
        run(shortcut, dotted()[..., :20, :])


def test_settings_are_plain_values():
    found = SuiteSettings(allowed=frozenset({"b", "a"}), component=None).to_json()
    assert found["allowed"] == ["a", "b"]
    assert found["component"] is None
    assert found["search"]["pool"] == SearchSettings().pool


# What the pictures show


def test_a_picture_shows_the_place_that_it_is_a_copy_of(shortcut):
    """Pictures tile one textured thing; the images of their class hold it at a known place."""
    generator = torch.Generator().manual_seed(0)
    image_01 = 0.3 + 0.05 * torch.rand(4, 3, SIDE_PX, SIDE_PX, generator=generator)
    things = torch.zeros(2, 3, 6, 6)
    things[0, 0], things[1, 2] = 0.9, 0.9
    things[0, 1, ::2], things[1, 1, :, ::2] = 0.8, 0.8
    places = [(2, 3), (14, 12), (10, 1), (3, 16)]
    classes = torch.tensor([0, 0, 1, 1])
    for image, index, (y, x) in zip(image_01, classes.tolist(), places, strict=True):
        image[:, y : y + 6, x : x + 6] = things[index]
    pictures = {index: things[index].repeat(1, 4, 4)[None] for index in (0, 1)}
    found = shown_maps(shortcut, image_01, classes, pictures)
    assert float(found.min()) >= 0
    fine = torch.nn.functional.interpolate(found[:, None], size=(SIDE_PX, SIDE_PX))[:, 0]
    for shown, (y, x) in zip(fine, places, strict=True):
        inside = torch.zeros(SIDE_PX, SIDE_PX, dtype=torch.bool)
        inside[y + 1 : y + 5, x + 1 : x + 5] = True
        outside = torch.ones(SIDE_PX, SIDE_PX, dtype=torch.bool)
        outside[max(0, y - 3) : y + 9, max(0, x - 3) : x + 9] = False
        assert float(shown[inside].mean()) > 2 * float(shown[outside].mean())
    # nothing to show, and nothing to compare with
    half = shown_maps(shortcut, image_01, classes, {0: pictures[0], 2: pictures[1]})
    assert float(half[2:].abs().max()) == 0.0
    assert float(half[:2].abs().max()) > 0.0
    assert float(shown_maps(shortcut, image_01, classes, {0: pictures[0]}).abs().max()) == 0.0
