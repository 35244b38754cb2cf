"""Predictions, ranks, transfer and the mask, with values by hand."""

import math

import pytest
import torch

from macoaudit.metrics import gaussian_blur, predict, rank_of, transfer, transparency_mask


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
