"""The loop: oracles 4, 7, 11 and 13, NAdam against torch, members that leave, model as found."""

import math
from dataclasses import replace

import pytest
import torch

from macoaudit.config import MacoConfig, PhaseConfig, Ramp, ViewConfig, constant
from macoaudit.errors import OptimizationError
from macoaudit.optimize import NAdam, optimize
from macoaudit.parametrization import MacoParametrization
from macoaudit.priors import relative_variation
from macoaudit.targets import InversionObjective

SIZE = (12, 12)
WHOLE = ViewConfig(side_low=constant(1.0), side_high=constant(1.0))


def parametrization(n=1, size=SIZE, seed=0, slope=4.0, contrast=0.3):
    """A flat small template: every bin counts the same."""
    height, width = size
    template = torch.full((1, height, width // 2 + 1), contrast)
    template[0, 0, 0] = 0.5 * math.sqrt(height * width)
    return MacoParametrization(
        template,
        template[:, 0, 0].clone(),
        torch.eye(1),
        width=width,
        config=PhaseConfig(squash_slope=slope),
        generators=[torch.Generator().manual_seed(seed + i) for i in range(n)],
        device=torch.device("cpu"),
    )


def run(activation, objective, made, config, n=1, size=SIZE, **kwargs):
    def streams():
        return [torch.Generator().manual_seed(100 + i) for i in range(n)]

    with torch.no_grad():
        return optimize(
            activation,
            made,
            objective,
            config=config,
            view_size=size,
            crop_generators=streams(),
            noise_generators=streams(),
            **kwargs,
        )


def flat(view):
    return view.flatten(1)


class Linear:
    """score = sum(weights * activation): the gradient is the weights."""

    def __init__(self, weights):
        self.weights = weights

    def scores(self, activations):
        return (activations * self.weights[:, None]).sum(-1)

    def select(self, index):
        return Linear(self.weights[index])


def test_nadam_equals_torch():
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    ours = torch.zeros(5, 4, dtype=torch.float64)
    theirs = torch.zeros(5, 4, dtype=torch.float64, requires_grad=True)
    reference = torch.optim.NAdam([theirs], lr=0.1, maximize=True)
    optimizer = NAdam(ours)
    for _ in range(25):
        ours += 0.1 * optimizer.direction(-((ours - target) ** 3))
        reference.zero_grad()
        (-((theirs - target) ** 4) / 4).sum().backward()
        reference.step()
    # torch keeps the product of the momenta in float32
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-7)


def test_identity_network_recovers_the_phase():
    """Oracle 11: with an identity network and a linear image the phases are found again.

    The cosine is separable per bin; the real bins keep the random sign that they started with, so
    they are given to both images alike.
    """
    truth = parametrization(seed=5, slope=1e-2, contrast=0.05)
    made = parametrization(seed=9, slope=1e-2, contrast=0.05)
    made._sign_phase = truth._sign_phase.clone()
    reference = truth.decode().image_01 - 0.5

    def centred(view):
        return (view - 0.5).flatten(1)

    config = MacoConfig(
        n_steps=800,
        learning_rate=Ramp(0.1, 0.0),
        views=WHOLE,
        frequency_power=0.0,
        tolerance=0.0,
    )
    result = run(centred, InversionObjective(reference.flatten(1)), made, config)
    assert float(result.scores[0, -1]) > 0.9999
    difference = (made.parameters - truth.parameters)[made._free.bool().expand_as(made.parameters)]
    assert float(torch.cos(difference).min()) > 0.99


def test_constant_upstream_gradient_gives_flat_transparency():
    """Oracle 4: the score is the sum of the view; normalised transparency is 1 everywhere seen."""
    views = ViewConfig(
        n_crops=1, side_low=constant(0.3), side_high=constant(0.6), cutout=constant(0.4)
    )
    config = MacoConfig(n_steps=300, views=views, learning_rate=constant(0.0), tolerance=0.0)
    weights = torch.ones(2, SIZE[0] * SIZE[1])
    result = run(flat, Linear(weights), parametrization(2), config, n=2)
    assert float((result.transparency - 1).abs().max()) < 1e-5


def test_same_generators_same_bits_whatever_the_global_state():
    """Oracle 7."""
    views = ViewConfig(n_crops=2, noise_uniform=constant(0.1))
    config = MacoConfig(n_steps=6, views=views)
    weights = torch.randn(2, SIZE[0] * SIZE[1], generator=torch.Generator().manual_seed(0))
    images = []
    for state in (1, 2):
        torch.manual_seed(state)
        result = run(flat, Linear(weights), parametrization(2), config, n=2)
        images.append(result.image_01)
    assert torch.equal(images[0], images[1])


def test_members_do_not_depend_on_batch_mates():
    config = MacoConfig(n_steps=8, views=ViewConfig(noise_uniform=constant(0.05)))
    weights = torch.randn(3, SIZE[0] * SIZE[1], generator=torch.Generator().manual_seed(0))
    together = run(flat, Linear(weights), parametrization(3), config, n=3)
    weights[1:] *= -7
    changed = run(flat, Linear(weights), parametrization(3), config, n=3)
    assert torch.equal(together.image_01[0], changed.image_01[0])
    alone = run(flat, Linear(weights[:1]), parametrization(1), config)
    torch.testing.assert_close(alone.image_01[0], together.image_01[0], rtol=1e-5, atol=1e-6)


def test_score_rises_on_a_two_layer_network():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(144, 32), torch.nn.Tanh(), torch.nn.Linear(32, 8)
    ).requires_grad_(False)
    reference = network(parametrization(1, seed=77).decode().image_01)
    config = MacoConfig(n_steps=60, learning_rate=Ramp(0.2, 0.0), views=WHOLE, tolerance=0.0)
    result = run(network, InversionObjective(reference), parametrization(1), config)
    assert float(result.scores[0, 0]) < 0.9
    assert float(result.scores[0, -1]) > 0.98


def test_a_target_that_does_not_respond_is_reported_dead():
    """Oracle 13: zero gradient everywhere, beside a member that lives."""
    weights = torch.stack([torch.zeros(144), torch.ones(144)])
    config = MacoConfig(n_steps=10, views=WHOLE)
    result = run(flat, Linear(weights), parametrization(2), config, n=2)
    assert result.failures[0] is not None
    assert "dead target" in result.failures[0]
    assert result.failures[1] is None
    assert result.n_steps.tolist() == [3, 10]

    def constant_activation(view):
        return torch.ones(len(view), 4)

    result = run(
        constant_activation, InversionObjective(torch.ones(1, 4)), parametrization(1), config
    )
    assert "dead target" in (result.failures[0] or "")


@pytest.mark.parametrize("known", [False, True])
def test_a_target_that_is_known_to_respond_survives_silent_first_views(known):
    """Nothing for the first four steps, then a plain sum: a neuron outside the first crops."""
    seen = []

    def activation(view):
        seen.append(len(view))
        return flat(view) * (len(seen) > 4)

    config = MacoConfig(n_steps=10, views=WHOLE, tolerance=0.0)
    result = run(
        activation, Linear(torch.ones(1, 144)), parametrization(1), config,
        responsive=torch.tensor([known]),
    )  # fmt: skip
    assert result.n_steps.tolist() == [10 if known else 3]
    assert (result.failures[0] is None) == known


def test_a_non_finite_gradient_stops_its_member_only():
    def activation(view):
        rows = view.flatten(1)
        if len(rows) == 1:
            return rows
        return torch.cat([torch.sqrt(rows[:1] * 0), rows[1:]])  # its derivative at 0 is infinite

    config = MacoConfig(n_steps=5, views=WHOLE)
    weights = torch.ones(2, 144)
    result = run(activation, Linear(weights), parametrization(2), config, n=2)
    assert "not finite" in (result.failures[0] or "")
    assert "--precision fp32" in (result.failures[0] or "")
    assert result.n_steps[0] == 1
    assert bool(torch.isfinite(result.image_01[1]).all())


def test_converged_members_leave_and_the_others_go_on_unchanged():
    weights = torch.stack([torch.ones(144) * 1e-3, torch.randn(144)])
    long = MacoConfig(n_steps=40, views=WHOLE, tolerance=0.0)
    stopping = MacoConfig(n_steps=40, views=WHOLE, tolerance=1e-2, patience=5)
    full = run(flat, Linear(weights), parametrization(2), long, n=2)
    early = run(flat, Linear(weights), parametrization(2), stopping, n=2)
    assert bool(early.converged[0])
    assert int(early.n_steps[0]) == 10
    assert int(early.n_steps[1]) > 10
    steps = int(early.n_steps[1])
    torch.testing.assert_close(early.scores[1, :steps], full.scores[1, :steps])
    assert bool(torch.isnan(early.scores[0, 10:]).all())


def test_convergence_is_judged_on_settled_steps_only():
    """A flat score stops the run 2 x patience steps into the settling, never before."""
    views = ViewConfig(side_low=constant(1.0), side_high=constant(1.0), settle_frac=0.5)
    config = MacoConfig(n_steps=40, views=views, tolerance=1e-2, patience=4)
    result = run(flat, Linear(torch.full((1, 144), 1e-4)), parametrization(1), config)
    assert int(result.n_steps[0]) == 20 + 8


def test_the_sparsity_prior_works_on_the_image_and_not_on_the_transparency():
    """A score that ignores the image but for a speck: the prior alone shapes the rest."""
    weights = torch.zeros(1, 144)
    weights[0, 70] = 1e-3
    plain = MacoConfig(n_steps=60, learning_rate=Ramp(0.3, 0.0), views=WHOLE, tolerance=0.0)
    sparse = replace(plain, sparsity=1.0)
    results = [run(flat, Linear(weights), parametrization(1), c) for c in (plain, sparse)]
    first, second = (float(relative_variation(r.image_01)) for r in results)
    assert second < first - 0.05
    for result in results:
        assert int((result.transparency > 0).sum()) == 1


def test_progress_is_told_each_step():
    told = []
    config = MacoConfig(n_steps=4, views=WHOLE)
    run(flat, Linear(torch.ones(1, 144)), parametrization(1), config, on_step=told.append)
    assert [step.step for step in told] == [1, 2, 3, 4]
    assert {step.n_steps for step in told} == {4}
    assert all(math.isfinite(step.mean_score) for step in told)


def test_a_layer_that_mixes_the_batch_is_refused():
    config = MacoConfig(n_steps=2, views=WHOLE)
    with pytest.raises(OptimizationError, match="2 views gave 1 rows"):
        run(lambda view: view.flatten(1)[:1], Linear(torch.ones(2, 144)), parametrization(2),
            config, n=2)  # fmt: skip


def test_an_error_in_the_network_is_not_hidden():
    def broken(view):
        raise RuntimeError("from the network")

    with pytest.raises(RuntimeError, match="from the network"):
        run(broken, Linear(torch.ones(1, 144)), parametrization(1), MacoConfig(n_steps=2))
