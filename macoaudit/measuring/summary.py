"""A run in a few numbers: means over images with bootstrap intervals, counts of proofs."""

from collections.abc import Sequence
from typing import Any

import torch

from macoaudit.results import Faithfulness, ImageAudit, Plausibility, Retained, Retention

N_BOOTSTRAP = 2000


def _interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean over images with the 95 % percentile bootstrap over images; none with one image."""
    tensor = torch.tensor(values, dtype=torch.float64)
    result: dict[str, Any] = {"mean": float(tensor.mean()), "n": len(values)}
    if len(values) < 2:
        return {**result, "low": None, "high": None}
    generator = torch.Generator().manual_seed(0)
    draws = torch.randint(len(values), (N_BOOTSTRAP, len(values)), generator=generator)
    low, high = torch.quantile(tensor[draws].mean(1), tensor.new_tensor([0.025, 0.975])).tolist()
    return {**result, "low": low, "high": high}


def summary(images: Sequence[ImageAudit]) -> dict[str, Any]:
    """Sum up the measures of a run's images.

    Args:
        images: all of them; those without a measure are left out of its numbers.

    Returns:
        ``retention`` (mean, interval and number of images for each attribute), ``faithfulness``
        (counts) and ``plausibility``; a key is absent when no image has the measure.
    """
    retentions = [i.retention for i in images if isinstance(i.retention, Retention)]
    result: dict[str, Any] = {}
    names = dict.fromkeys(name for item in retentions for name in item.attributes)
    attributes = {}
    for name in names:
        values = [
            found.value
            for item in retentions
            if isinstance(found := item.attributes.get(name), Retained)
        ]
        if values:
            attributes[name] = _interval(values)
    if attributes:
        result["retention"] = attributes
    proofs = [i.faithfulness for i in retentions if isinstance(i.faithfulness, Faithfulness)]
    if proofs:
        result["faithfulness"] = {
            "n": len(proofs),
            "retained_matters": sum(proof.retained_matters for proof in proofs),
            "dropped_does_not": sum(proof.dropped_does_not for proof in proofs),
            "holds": sum(proof.holds for proof in proofs),
            "value": _interval([proof.value for proof in proofs]),
        }
    plausible = [i.plausibility for i in images if isinstance(i.plausibility, Plausibility)]
    if plausible:
        result["plausibility"] = {
            "percentile": _interval([item.percentile for item in plausible]),
            "reference_percentile": _interval([item.reference_percentile for item in plausible]),
        }
    return result
