"""Oracle 5: objectives with values by hand, independent of batch mates."""

import pytest
import torch

from macoaudit.errors import UsageError
from macoaudit.targets import InversionObjective, cosine


def test_cosine_by_hand():
    a = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
    b = torch.tensor([[4.0, 3.0], [-2.0, 0.0], [1.0, 1.0]])
    torch.testing.assert_close(cosine(a, b), torch.tensor([24 / 25, -1.0, 0.0]))


def test_dot_cosine_by_hand():
    objective = InversionObjective(torch.tensor([[4.0, 3.0], [-2.0, 0.0]]), "dot_cosine")
    views = torch.tensor([[[3.0, 4.0]], [[1.0, 0.0]]])
    # 24 * (24/25)^2 and -2 * 0.1^2
    expected = torch.tensor([[24 * 0.96**2], [-0.02]])
    torch.testing.assert_close(objective.scores(views), expected)


@pytest.mark.parametrize("similarity", ["cosine", "dot_cosine"])
def test_scores_do_not_depend_on_batch_mates(similarity):
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(3, 8, generator=generator)
    activations = torch.randn(3, 2, 8, generator=generator)
    together = InversionObjective(reference, similarity).scores(activations)
    changed = activations.clone()
    changed[0] *= 100
    again = InversionObjective(reference, similarity).scores(changed)
    assert torch.equal(together[1:], again[1:])
    alone = InversionObjective(reference[1:2], similarity).scores(activations[1:2])
    torch.testing.assert_close(alone[0], together[1])
    selected = InversionObjective(reference, similarity).select(torch.tensor([2]))
    torch.testing.assert_close(selected.scores(activations[2:])[0], together[2])


def test_bad_targets_are_refused():
    with pytest.raises(UsageError, match="member 1 is zero everywhere"):
        InversionObjective(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(UsageError, match="objective is 'l2'; use 'cosine' or 'dot_cosine'"):
        InversionObjective(torch.ones(1, 2), "l2")
