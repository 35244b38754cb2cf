"""The map of retained content: planted places are found wherever they come back."""

import pytest
import torch
from torch import Tensor

from macoaudit.retention import (
    content_map,
    draw_map,
    matched_places,
    patch_features,
    pooled_map,
)
from macoaudit.retention.content import ContentMap

CHANNELS, ROWS, COLUMNS = 256, 6, 5
PLACES = ROWS * COLUMNS
CENTER = torch.zeros(CHANNELS)
PLANTED = (0, 7, 8, 13, 29)


def random_features(count: int, seed: int) -> Tensor:
    """Places without a likeness: cosines of 256 random numbers are below 0.3."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, CHANNELS, ROWS, COLUMNS, generator=generator)


def plant(images: Tensor, reference: Tensor, places: tuple[int, ...], seed: int = 9) -> Tensor:
    """Put places of the reference into images, each somewhere else."""
    generator = torch.Generator().manual_seed(seed)
    flat = images.flatten(2).clone()
    for image in flat:
        order = torch.randperm(PLACES, generator=generator)
        for index, place in enumerate(places):
            image[:, order[index]] = reference.flatten(1)[:, place]
    return flat.view_as(images)


@pytest.fixture
def reference() -> Tensor:
    return random_features(1, 0)[0]


@pytest.fixture
def inversions(reference) -> Tensor:
    return plant(random_features(3, 1), reference, PLANTED)


@pytest.fixture
def donors() -> Tensor:
    return random_features(12, 2).unflatten(0, (4, 3))


def marked(found: ContentMap) -> set[int]:
    return set((found.values.flatten() > found.high).nonzero().flatten().tolist())


class TestContentMap:
    def test_what_comes_back_in_every_inversion_is_retained(self, reference, inversions, donors):
        found = content_map(reference, inversions, donors, CENTER)
        values = found.values.flatten()
        others = [place for place in range(PLACES) if place not in PLANTED]
        # as the reference itself, elsewhere as the best of 30 random cosines of other images
        assert torch.allclose(values[list(PLANTED)], torch.ones(len(PLANTED)), atol=0.06)
        assert float(values[others].abs().max()) < 0.2
        assert set(PLANTED) <= marked(found)
        # chance: one place in twenty is above it
        assert len(marked(found)) <= len(PLANTED) + 4
        assert found.values.shape == (ROWS, COLUMNS)
        assert found.retained_frac == len(PLANTED) / PLACES
        assert found.dropped_frac == 1 - found.retained_frac

    def test_what_other_images_show_too_is_not(self, reference, inversions, donors):
        donors = plant(donors.flatten(0, 1), reference, (7, 13)).view_as(donors)
        found = content_map(reference, inversions, donors, CENTER)
        values = found.values.flatten()
        assert float(values[[7, 13]].abs().max()) < 1e-3
        assert marked(found).isdisjoint({7, 13})
        assert {0, 8, 29} <= marked(found)

    def test_what_comes_back_in_one_seed_of_three_counts_a_third(self, reference, donors):
        images = random_features(3, 1)
        images[:1] = plant(images[:1], reference, (7,))
        value = content_map(reference, images, donors, CENTER).values.flatten()[7]
        assert float(value) == pytest.approx(1 / 3, abs=0.15)

    def test_places_of_the_inversions_and_donors_do_not_matter(self, reference, inversions, donors):
        found = content_map(reference, inversions, donors, CENTER)
        order = torch.randperm(PLACES, generator=torch.Generator().manual_seed(3))

        def shuffled(images: Tensor) -> Tensor:
            return images.flatten(-2)[..., order].unflatten(-1, (ROWS, COLUMNS))

        other = content_map(reference, shuffled(inversions), shuffled(donors), CENTER)
        assert torch.allclose(found.values, other.values, atol=1e-6)
        assert found.high == pytest.approx(other.high, abs=1e-6)

    def test_places_of_the_reference_move_the_map_along(self, reference, inversions, donors):
        found = content_map(reference, inversions, donors, CENTER)
        moved = content_map(reference.roll((2, 3), (1, 2)), inversions, donors, CENTER)
        assert torch.allclose(found.values.roll((2, 3), (0, 1)), moved.values, atol=1e-6)

    def test_a_common_offset_is_the_centre(self, reference, inversions, donors):
        offset = 50 * torch.randn(CHANNELS, generator=torch.Generator().manual_seed(4))
        found = content_map(reference, inversions, donors, CENTER)
        at = offset[:, None, None]
        other = content_map(reference + at, inversions + at, donors + at, offset)
        assert torch.allclose(found.values, other.values, atol=1e-4)

    def test_the_length_of_features_does_not_matter(self, reference, inversions, donors):
        found = content_map(reference, inversions, donors, CENTER)
        other = content_map(3 * reference, inversions / 7, 100 * donors, CENTER)
        assert torch.allclose(found.values, other.values, atol=1e-5)

    @pytest.mark.parametrize("n_donors", [1, 2, 64])
    def test_any_number_of_other_images(self, reference, inversions, n_donors):
        found = content_map(reference, inversions, random_features(n_donors, 5)[:, None], CENTER)
        assert set(PLANTED) <= marked(found)
        assert 0 <= found.dropped_frac <= 1 - len(PLANTED) / PLACES

    def test_dead_places_are_like_nothing(self, reference, inversions, donors):
        reference[:, 2, 2] = 0
        found = content_map(reference, inversions, donors, CENTER)
        assert bool(torch.isfinite(found.values).all())
        assert float(found.values[2, 2]) == 0


class TestPooledMap:
    generator = torch.Generator().manual_seed(3)

    def a_map(self, side: int, scale: float = 1.0) -> ContentMap:
        chance = torch.randn(5, side, side, generator=self.generator) * scale
        return ContentMap(torch.randn(side, side, generator=self.generator) * scale, chance)

    def test_one_map_comes_back_as_it_is(self):
        only = self.a_map(6)
        found = pooled_map([only])
        assert torch.allclose(found.values, only.values)
        assert torch.allclose(found.chance, only.chance)

    def test_layers_count_alike(self):
        first, second = self.a_map(6), self.a_map(6)
        found = pooled_map([first, second])
        assert torch.allclose(found.values, (first.values + second.values) / 2, atol=1e-6)
        assert torch.allclose(found.chance, (first.chance + second.chance) / 2, atol=1e-6)

    def test_a_coarser_map_is_laid_over_the_finest_grid(self):
        fine, coarse = self.a_map(6), self.a_map(3)
        found = pooled_map([fine, ContentMap(torch.full((3, 3), 0.8), coarse.chance)])
        assert torch.allclose(found.values, fine.values / 2 + 0.4, atol=1e-6)
        assert found.chance.shape == (5, 6, 6)


def test_matched_places_are_where_they_were_planted(reference):
    order = torch.stack(
        [torch.randperm(PLACES, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    )
    images = torch.stack([reference.flatten(1)[:, row] for row in order])
    found = matched_places(reference, images.unflatten(2, (ROWS, COLUMNS)), CENTER)
    assert found.shape == (2, PLACES)
    for row, places in zip(order, found, strict=True):
        assert torch.equal(row[places], torch.arange(PLACES))


class TestPatchFeatures:
    def test_a_flat_image_has_its_color_and_no_contrast(self):
        image = torch.tensor([0.1, 0.5, 0.9])[None, :, None, None].expand(1, 3, 56, 42)
        found = patch_features(image)
        assert found.shape == (1, 3 + 8, 14, 14)
        assert torch.allclose(found[0, :3], image[0, :, :14, :14])
        assert float(found[:, 3:].abs().max()) < 1e-6

    def test_a_grating_has_contrast_across_its_lines_only(self):
        stripes = (torch.arange(56) % 2).float().expand(1, 1, 56, 56)  # one pixel wide
        found = patch_features(stripes)[0, 1:, 2:-2, 2:-2].mean((1, 2))
        # by step of 1 and 2 pixels: along x, along y, both diagonals
        assert found.tolist() == pytest.approx([1, 0, 1, 1, 0, 0, 0, 0], abs=1e-6)

    def test_small_images_have_fewer_places(self):
        assert patch_features(torch.rand(2, 1, 16, 20)).shape[2:] == (8, 10)


class TestDrawing:
    image = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0))

    def drawn(self, values: Tensor) -> Tensor:
        return draw_map(self.image, ContentMap(values, torch.zeros(2, 4, 4)))

    def test_what_is_retained_has_its_own_colors(self):
        assert torch.allclose(self.drawn(torch.full((4, 4), 0.5)), self.image)

    def test_what_is_dropped_is_pale_and_grey(self):
        drawn = self.drawn(torch.full((4, 4), 0.2))
        assert torch.allclose(drawn, drawn[:1].expand(3, -1, -1))
        assert float(drawn.min()) > 0.6
        # lighter where the reference is
        grey = self.image.mean(0).flatten()
        assert float(torch.corrcoef(torch.stack([drawn[0].flatten(), grey]))[0, 1]) > 0.99

    def test_in_between_is_in_between(self):
        full, none, half = (self.drawn(torch.full((4, 4), v)) for v in (0.5, 0.2, 0.35))
        assert torch.allclose(half, (full + none) / 2, atol=1e-6)
