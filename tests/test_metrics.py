"""Predictions, ranks, transfer and the mask, with values by hand."""

import math
from pathlib import Path

import pytest
import torch

from macoaudit.errors import UsageError
from macoaudit.images import find_images, preprocess, read_image
from macoaudit.metrics import (
    frechet_distance,
    gaussian_blur,
    predict,
    rank_of,
    transfer,
    transparency_mask,
)
from macoaudit.models import load_model, logits_function


def test_prediction_by_hand():
    prediction = predict(torch.tensor([0.0, math.log(3.0), 0.0]), ("a", "b", "c"))
    assert (prediction.index, prediction.name) == (1, "b")
    assert prediction.probability == pytest.approx(0.6)


def test_rank_counts_larger_logits():
    logits = torch.tensor([0.1, 0.9, 0.5, 0.9])
    assert [rank_of(logits, i) for i in range(4)] == [4, 1, 3, 1]


def test_transfer_by_hand():
    logits = torch.arange(8.0)
    reference = torch.zeros(8)
    row = transfer("judge", 2, 3, logits, reference)
    assert (row.judge, row.seed, row.rank) == ("judge", 2, 5)
    assert row.top5_agrees
    assert not row.top1_agrees
    assert row.reference_probability == pytest.approx(1 / 8)
    assert row.reference_rank == 1
    assert row.probability == pytest.approx(math.exp(3) / sum(math.exp(i) for i in range(8)))


def test_blur_keeps_constants_and_has_the_stated_width():
    constant = torch.full((2, 20, 30), 0.7)
    torch.testing.assert_close(gaussian_blur(constant, 3.0), constant)
    impulse = torch.zeros(1, 61, 61)
    impulse[0, 30, 30] = 1
    blurred = gaussian_blur(impulse, 3.0)[0]
    y = torch.arange(61.0) - 30
    variance = float((blurred.sum(1) * y**2).sum() / blurred.sum())
    assert variance == pytest.approx(9.0, rel=0.01)
    torch.testing.assert_close(blurred, blurred.T)


def test_mask_saturates_the_strongest_twentieth_and_has_no_scale():
    values = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
    mask = transparency_mask(values)
    assert float(mask.max()) == 1
    assert float((mask == 1).float().mean()) == pytest.approx(0.05, abs=0.002)
    torch.testing.assert_close(transparency_mask(values * 1e-6), mask)
    assert float(transparency_mask(torch.zeros(1, 32, 32)).abs().max()) == 0


def test_frechet_distance_of_a_set_with_itself_is_zero_and_known_cases():
    """Oracle 14, second part: zero with itself, |d|^2 for a shift, (s1 - s2)^2 for a scale."""
    features = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    shift = torch.tensor([1.0, -2.0, 0.0, 0.5, 0.0, 0.0])
    assert frechet_distance(features, features + shift) == pytest.approx(5.25, rel=1e-4)
    column = features[:, :1]
    deviation = float(column.std())
    centred = column - column.mean()
    assert frechet_distance(centred, 3 * centred) == pytest.approx((2 * deviation) ** 2, rel=1e-4)
    with pytest.raises(UsageError, match="sets of 1 and 500 came"):
        frechet_distance(features[:1], features)


def test_transfer_of_the_photographs_themselves_is_the_judges_agreement():
    """Oracle 14, third part: with the reference in place of the inversion nothing is lost."""
    samples = Path(__file__).parents[1] / "samples"
    files = [f for f in find_images([samples]) if f.label != "photographs"]
    model, judge = load_model("demo"), load_model("demo-judge")
    images = torch.stack([preprocess(read_image(f.path), model.preprocessing) for f in files])
    with torch.no_grad():
        seen, judged = logits_function(model)(images), logits_function(judge)(images)
    targets = seen.argmax(1)
    pairs = zip(targets, judged, strict=True)
    rows = [transfer("j", 0, int(t), row, row) for t, row in pairs]
    assert [row.top1_agrees for row in rows] == (judged.argmax(1) == targets).tolist()
    assert all(row.rank == row.reference_rank for row in rows)
    assert all(row.probability == row.reference_probability for row in rows)
    assert sum(row.top1_agrees for row in rows) >= 20  # of 22: the judge is a good one
