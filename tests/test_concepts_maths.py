"""Factorisation, Sobol indices, crops and location against answers known without them."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from macoaudit.concepts import (
    crop_boxes,
    cut,
    factorize,
    fine_grids,
    iou,
    join_signs,
    place_coefficients,
    region,
    sobol_total,
    split_signs,
    total_index_design,
    total_indices,
    upsample,
)
from macoaudit.concepts.factorize import concept_count
from macoaudit.errors import UsageError


def planted(n: int = 200, k: int = 5, features: int = 40, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Non-negative parts with features of their own, and sparse amounts: a unique factorisation."""
    rng = np.random.default_rng(seed)
    parts = rng.gamma(1.0, size=(k, features)) * (rng.random((k, features)) < 0.5)
    parts[np.arange(k), np.arange(k)] = 3.0
    parts[:, :k] *= np.eye(k)  # one feature that only this part has
    amounts = rng.gamma(1.0, size=(n, k)) * (rng.random((n, k)) < 0.4)
    return torch.from_numpy(amounts), torch.from_numpy(parts)


def matched_cosines(found: Tensor, known: Tensor) -> Tensor:
    """Best cosine of each known part with a found one, each found one used once."""
    unit = torch.nn.functional.normalize
    cosines = unit(known, dim=1) @ unit(found, dim=1).T
    best = cosines.max(1)
    assert len(set(best.indices.tolist())) == len(known)
    return best.values


def test_planted_parts_are_recovered_up_to_order_and_scale():
    amounts, parts = planted()
    found = factorize(amounts @ parts, 5, seed=0)
    assert found.converged
    assert found.relative_error < 0.02
    assert float(matched_cosines(found.parts, parts).min()) > 0.99
    torch.testing.assert_close(found.parts.norm(dim=1), torch.ones(5, dtype=torch.float64))
    assert bool((found.coefficients >= 0).all())
    assert bool((found.parts >= 0).all())


def test_factors_multiply_back_to_the_activations():
    amounts, parts = planted()
    activations = amounts @ parts
    found = factorize(activations, 5, seed=0)
    error = (activations - found.coefficients @ found.parts).norm() / activations.norm()
    assert float(error) == pytest.approx(found.relative_error, abs=1e-9)


def test_error_falls_with_the_number_of_parts():
    amounts, parts = planted(k=6)
    noise = torch.rand(200, 40, generator=torch.Generator().manual_seed(1)).double()
    errors = [
        factorize(amounts @ parts + 0.05 * noise, k, seed=0).relative_error for k in range(1, 7)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 2 * errors[5]
    # Behind the sixth there is only noise: nothing to win, and a local optimum loses nothing.
    beyond = factorize(amounts @ parts + 0.05 * noise, 7, seed=0).relative_error
    assert beyond == pytest.approx(errors[5], rel=0.1)


def test_one_part_is_the_leading_singular_pair():
    # Perron-Frobenius: the best rank-one approximation of a positive matrix is non-negative.
    matrix = torch.rand(30, 12, generator=torch.Generator().manual_seed(2)).double() + 0.1
    found = factorize(matrix, 1, seed=0)
    singular = torch.linalg.svdvals(matrix)
    best = singular[1:].norm() / singular.norm()
    assert found.relative_error == pytest.approx(float(best), rel=1e-4)


def test_same_seed_same_bits_and_the_scale_of_the_data_does_not_matter():
    amounts, parts = planted()
    one, again = (factorize(amounts @ parts, 4, seed=3) for _ in range(2))
    assert torch.equal(one.parts, again.parts)
    assert torch.equal(one.coefficients, again.coefficients)
    small = factorize(amounts @ parts * 2.0**-20, 4, seed=3)
    torch.testing.assert_close(small.parts, one.parts)
    torch.testing.assert_close(small.coefficients * 2.0**20, one.coefficients)


def test_splitting_signs_loses_nothing_and_averages():
    signed = torch.randn(6, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    halves = split_signs(signed)
    assert bool((halves >= 0).all())
    torch.testing.assert_close(join_signs(halves.mean((-2, -1))), signed.mean((-2, -1)))
    positive = signed.abs()
    assert torch.equal(split_signs(positive)[:, :5], positive)
    assert not split_signs(positive)[:, 5:].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: torch.cat([a[1:], a[:1] * math.nan]), "1 of 20 rows"),
        (lambda a: a - 1.0, "split_signs"),
        (lambda a: a * 0, "all are zero"),
        (lambda a: a[:2], "concepts: 3 came for 2 crops"),
    ],
)
def test_what_cannot_be_factorised_is_refused(change, message):
    with pytest.raises(UsageError, match=message):
        factorize(change(torch.rand(20, 6, dtype=torch.float64)), 3, seed=0)


@pytest.mark.parametrize(
    ("wanted", "crops", "features", "count", "note"),
    [
        (10, 400, 64, 10, None),
        (10, 20, 64, 5, "only 20 crops"),
        (10, 3, 64, 1, "only 3 crops"),
        (10, 400, 4, 4, "only 4 features"),
    ],
)
def test_few_crops_give_few_concepts_and_it_is_said(wanted, crops, features, count, note):
    got, said = concept_count(wanted, crops, features)
    assert got == count
    assert (said is None) == (note is None)
    assert note is None or note in str(said)


def ishigami(points: Tensor) -> Tensor:
    x = (2 * points - 1) * math.pi
    return x[:, 0].sin() + 7 * x[:, 1].sin() ** 2 + 0.1 * x[:, 2] ** 4 * x[:, 0].sin()


def test_ishigami_total_indices():
    # a = 7, b = 0.1: V = a^2/8 + b pi^4/5 + b^2 pi^8/18 + 1/2; V1 and V13 as in Saltelli 2008.
    pi4 = math.pi**4
    variance = 49 / 8 + 0.1 * pi4 / 5 + 0.01 * pi4**2 / 18 + 0.5
    v1 = 0.5 * (1 + 0.1 * pi4 / 5) ** 2
    v13 = 0.01 * pi4**2 * (1 / 18 - 1 / 50)
    known = torch.tensor([v1 + v13, 49 / 8, v13], dtype=torch.float64) / variance
    found = sobol_total(ishigami, 3, n_rows=4096, seed=0)
    torch.testing.assert_close(found, known, atol=0.01, rtol=0)


def test_g_function_total_indices():
    # f = prod (|4x - 2| + a)/(1 + a): V_i = 1/(3 (1 + a)^2), total V_i prod_others (1 + V_j).
    a = torch.tensor([0.0, 1.0, 4.5, 9.0, 99.0], dtype=torch.float64)
    share = 1 / (3 * (1 + a) ** 2)
    every = (1 + share).prod()
    known = share * (every / (1 + share)) / (every - 1)
    found = sobol_total(
        lambda x: (((4 * x - 2).abs() + a) / (1 + a)).prod(1), 5, n_rows=4096, seed=1
    )
    torch.testing.assert_close(found, known, atol=0.01, rtol=0)


def test_linear_function_shares_the_variance_by_squared_weight():
    weights = torch.tensor([3.0, -2.0, 1.0, 0.0], dtype=torch.float64)
    found = sobol_total(lambda x: x @ weights + 5, 4, n_rows=1024, seed=0)
    torch.testing.assert_close(found, weights**2 / 14, atol=0.01, rtol=0)
    assert float(found[3]) == 0


def test_a_constant_has_no_important_input():
    assert not sobol_total(lambda x: 0 * x[:, 0] + 1e6, 3, n_rows=64, seed=0).any()


def test_designs_swap_one_column_and_several_outputs_are_independent():
    design = total_index_design(3, 8, seed=0)
    a, b, *crossed = torch.split(design, 8)
    for i, rows in enumerate(crossed):
        others = [j for j in range(3) if j != i]
        assert torch.equal(rows[:, i], b[:, i])
        assert torch.equal(rows[:, others], a[:, others])
    values = torch.stack([ishigami(design), design[:, 0]])
    both = total_indices(values, 3)
    torch.testing.assert_close(both[0], total_indices(values[0], 3))
    torch.testing.assert_close(both[1], total_indices(values[1], 3))


@pytest.mark.parametrize("rows", [0, 1, 24])
def test_designs_need_a_power_of_two(rows):
    with pytest.raises(UsageError, match="power of two"):
        total_index_design(3, rows, seed=0)


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(16, 100),
    width=st.integers(16, 100),
    side=st.floats(0.1, 1.0),
)
def test_crops_lie_inside_cover_the_image_and_overlap(height, width, side):
    boxes = crop_boxes((height, width), (side,))
    seen = torch.zeros(height, width, dtype=torch.bool)
    for top, left, h, w in boxes.tolist():
        assert top >= 0
        assert left >= 0
        assert top + h <= height
        assert left + w <= width
        seen[top : top + h, left : left + w] = True
    assert bool(seen.all())
    rows = sorted(set(boxes[:, 0].tolist()))
    assert all(b - a <= boxes[0, 2] / 2 + 1 for a, b in itertools.pairwise(rows))


def test_a_crop_of_everything_is_the_image():
    image = torch.rand(3, 20, 30)
    torch.testing.assert_close(cut(image, crop_boxes((20, 30), (1.0,))), image[None])


def test_a_crop_shows_its_window():
    image = torch.zeros(1, 32, 32)
    image[:, 8:16, 16:24] = 1
    white = cut(image, torch.tensor([[8, 16, 8, 8], [0, 0, 8, 8]]))
    assert float(white[0].min()) == 1
    assert float(white[1].max()) == 0


@pytest.mark.parametrize("sides", [(), (0.0,), (1.2,)])
def test_crop_sizes_out_of_range_are_refused(sides):
    with pytest.raises(UsageError, match="crop sides"):
        crop_boxes((32, 32), sides)


def test_places_are_explained_by_the_parts_they_hold():
    _, parts = planted(k=4)
    parts = torch.nn.functional.normalize(parts, dim=1)
    known = torch.zeros(2, 4, 3, 5, dtype=torch.float64)
    known[0, 1, 2, 3], known[0, 2, 0, 0], known[1, 0, 1, 1] = 2.0, 0.5, 1.5
    grids = torch.einsum("npij,pf->nfij", known, parts)
    torch.testing.assert_close(place_coefficients(grids, parts), known)


def test_coefficients_are_the_best_that_are_not_negative():
    # Karush-Kuhn-Tucker: the gradient is zero where a coefficient is positive, else not negative.
    _, parts = planted(k=4)
    generator = torch.Generator().manual_seed(0)
    grids = (torch.rand(1, 40, 2, 2, generator=generator) > 0.9).double()
    found = place_coefficients(grids, parts).flatten(2)[0].T
    gradient = (found @ parts - grids.flatten(2)[0].T) @ parts.T
    assert float(gradient.min()) > -1e-9
    assert float((gradient * found).abs().max()) < 1e-9
    assert bool((found == 0).any())


def test_a_fine_grid_of_averages_averages_finer_places():
    # Reads of the middle pixels of each place: shifts land exactly on the finer grid's middles.
    def read(image: Tensor) -> Tensor:
        return image[..., 4::8, 4::8]

    image = torch.rand(2, 3, 32, 48)
    fine = fine_grids(read, image, 2)
    assert fine.shape == (2, 3, 8, 12)
    torch.testing.assert_close(fine, image[..., 2::4, 2::4])
    torch.testing.assert_close(fine_grids(read, image, 1), read(image))


def test_a_planted_patch_is_found_where_it_lies():
    maps = torch.zeros(1, 1, 12, 12)
    maps[0, 0, 9:11, 2:4] = 1.0
    known = torch.zeros(96, 96, dtype=torch.bool)
    known[72:88, 16:32] = True
    assert iou(region(upsample(maps, (96, 96))[0, 0]), known) > 0.8


def test_overlap_by_hand_and_empty_maps():
    a, b = torch.zeros(4, 4, dtype=torch.bool), torch.zeros(4, 4, dtype=torch.bool)
    a[:2], b[1:3] = True, True
    assert iou(a, b) == pytest.approx(4 / 12)
    assert iou(a, a) == 1
    assert iou(a & False, b & False) == 0
    assert not region(torch.zeros(4, 4)).any()
    assert int(region(torch.tensor([[1.0, 0.5], [0.49, 0.0]])).sum()) == 2
