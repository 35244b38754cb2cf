"""The steerable lens: slopes, caps, known answers, distances, controls, flags, bad input."""

import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from macoaudit.errors import OptimizationError, UsageError
from macoaudit.lens import LensConfig, steerable_lens
from macoaudit.lens.edits import make_frame, rotated, slopes
from macoaudit.lens.measures import high_frequency_share, variation_ratio
from macoaudit.lens.planes import Planes
from macoaudit.pyramid import ComplexSteerablePyramid

SOME = (0.0, 1.0, 4.0, 16.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(*shape, seed=0, dtype=torch.float64):
    """Smooth noise between 0.2 and 0.8: nothing clips for small edits."""
    drawn = torch.randn(*shape, generator=generator(seed), dtype=torch.float64)
    height, width = shape[-2:]
    fy, fx = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None, :]
    smooth = torch.fft.ifft2(torch.fft.fft2(drawn) / (0.05 + torch.hypot(fy, fx))).real
    low, high = smooth.amin(), smooth.amax()
    return (0.2 + 0.6 * (smooth - low) / (high - low)).to(dtype)


class Linear(nn.Module):
    """Logits ``<x, w_k>``, one weight an image class."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, images):
        return torch.einsum("bchw,kchw->bk", images, self.weights)


class Curved(nn.Module):
    """A smooth network whose gradient depends on the image."""

    def __init__(self, channels=3, size=(24, 20), classes=4, seed=0, dtype=torch.float64):
        super().__init__()
        n_inputs = channels * size[0] * size[1]
        draw = generator(seed)
        self.first = nn.Parameter(torch.randn(n_inputs, 16, generator=draw, dtype=dtype) / 10)
        self.second = nn.Parameter(torch.randn(16, classes, generator=draw, dtype=dtype))

    def forward(self, images):
        return torch.tanh(images.flatten(1) @ self.first) @ self.second


def other(model, images):
    with torch.no_grad():
        logits = model(images)
    return (logits.argmax(1) + 1) % logits.shape[1]


@pytest.mark.parametrize("pad", [0, 7, 16])
@pytest.mark.parametrize("method", ["csp_joint", "fourier_phase"])
@pytest.mark.parametrize("channels", ["luma", "rgb"])
def test_slopes_are_the_gradient_by_autograd(method, pad, channels):
    """Differentiate the image ``x + S(c (exp(eta + i delta) - 1))`` itself, at delta = eta = 0."""
    images = photos(2, 3, 24, 20)
    config = LensConfig(method=method, pad=pad, channels=channels, scales=2)
    planes, frame = Planes(channels), make_frame(config, images)
    coefficients = frame.analyse(planes.of(images))
    model = Curved()
    delta = torch.zeros_like(coefficients.real).requires_grad_()
    eta = torch.zeros_like(delta).requires_grad_()
    moved = frame.change(coefficients * (torch.complex(eta, delta).exp() - 1))
    logits = model(images + planes.spread(moved, images))
    by_autograd = torch.autograd.grad(logits[:, 1].sum(), [delta, eta])
    free = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(free)[:, 1].sum(), free)
    found = slopes(config, frame, coefficients, frame.pull(planes.gradient(gradient)))
    torch.testing.assert_close(found.phase, by_autograd[0], rtol=1e-10, atol=1e-12)
    if method == "csp_joint":
        torch.testing.assert_close(found.gain, by_autograd[1], rtol=1e-10, atol=1e-12)


def test_the_first_order_change_is_the_squared_slope():
    """Along ``delta = h g`` the objective rises by ``h ||g||^2`` to first order."""
    images, model = photos(1, 3, 24, 20), Curved()
    config = LensConfig(scales=2)
    planes, frame = Planes("luma"), make_frame(config, images)
    coefficients = frame.analyse(planes.of(images))
    free = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(free)[:, 1].sum(), free)
    g = slopes(config, frame, coefficients, frame.pull(planes.gradient(gradient))).phase
    step = 1e-6 / g.abs().amax().item()

    def score(sign):
        change = frame.change(rotated(coefficients, sign * step * g, None) - coefficients)
        return model(images + planes.spread(change, images))[0, 1].item()

    slope = (score(1) - score(-1)) / (2 * step)
    assert slope == pytest.approx(g.square().sum().item(), rel=1e-6)


def test_a_wave_is_carried_a_quarter_of_its_length_and_no_farther():
    """Logit ``<x, sin wx>`` at ``x = cos wx``: the largest it can be is at ``sin wx``."""
    side, cycles = 64, 8
    at = torch.arange(side, dtype=torch.float64) * (2 * math.pi * cycles / side)
    cosine, sine = (f(at).expand(side, side)[None, None] for f in (torch.cos, torch.sin))
    model = Linear(torch.cat([torch.zeros_like(sine), sine]))
    config = LensConfig(
        objective="logit", amplifications=(0.0, 1e6), pad=0, value_range=(-1.0, 1.0), controls=()
    )
    result = steerable_lens(model, cosine, 1, 0, config=config)
    assert (result.lens.frames[1, 0] - sine[0].float()).abs().max() < 1e-6
    assert result.lens.objective[1, 0].item() == pytest.approx(side * side / 2, rel=1e-6)


def test_without_a_cap_a_band_is_turned_over_by_pi():
    """Every coefficient of a wave's band has the same slope: by pi, the band changes its sign."""
    side = 64
    at = torch.arange(side, dtype=torch.float64) * (2 * math.pi * 4 / side)
    cosine, sine = (f(at).expand(side, side)[None, None] for f in (torch.cos, torch.sin))
    config = LensConfig(
        objective="logit",
        amplifications=(math.pi,),
        phase_cap=None,
        bands=((2, 0),),
        pad=0,
        value_range=(-1.0, 1.0),
        controls=(),
    )
    model = Linear(torch.cat([torch.zeros_like(sine), sine]))
    found = steerable_lens(model, cosine, 1, 0, config=config).lens.frames[0, 0, 0]
    pyramid = ComplexSteerablePyramid((side, side), dtype=torch.float64)
    bands = pyramid.analyse(cosine[0, 0]).bands
    alone = torch.zeros_like(bands)
    alone[2, 0] = bands[2, 0]
    expected = cosine[0, 0] - 2 * pyramid.synthesise_bands(alone)
    torch.testing.assert_close(found, expected.float(), rtol=0, atol=1e-6)
    assert (found - cosine[0, 0]).abs().max() > 0.5


@pytest.mark.parametrize("method", ["csp_phase", "csp_joint", "fourier_phase", "pixel"])
def test_no_amplification_is_the_image_itself(method):
    images, model = photos(2, 3, 24, 20), Curved()
    config = LensConfig(method=method, amplifications=SOME, scales=2)
    result = steerable_lens(model, images, other(model, images), config=config)
    assert torch.equal(result.lens.frames[0], images.float())
    assert (result.lens.l2[0] == 0).all()
    assert (result.lens.l2[1:] > 0).all()
    for control in result.controls.values():
        assert torch.equal(control.frames[0], images.float())


@pytest.mark.parametrize("mode", ["frozen", "live", "persistent"])
@pytest.mark.parametrize("method", ["csp_phase", "csp_joint", "fourier_phase", "pixel"])
def test_every_method_climbs_and_controls_keep_its_distance(method, mode):
    images, model = photos(2, 3, 24, 20), Curved()
    config = LensConfig(method=method, mode=mode, amplifications=(0.0, 0.1, 0.2), steps=3, scales=2)
    result = steerable_lens(model, images, other(model, images), config=config)
    assert (result.lens.objective.diff(dim=0) > 0).all()
    for control in result.controls.values():
        torch.testing.assert_close(control.l2, result.lens.l2, rtol=1.5e-3, atol=1e-7)
        assert control.attained.all()
    assert (result.controls["random"].objective[-1] < result.lens.objective[-1]).all()


def test_every_image_is_by_itself():
    images, model = photos(3, 3, 24, 20), Curved()
    target = other(model, images)
    config = LensConfig(amplifications=SOME, scales=2, batch_size=2)
    together = steerable_lens(model, images, target, config=config)
    for i in range(3):
        alone = steerable_lens(model, images[i : i + 1], target[i : i + 1], config=config)
        torch.testing.assert_close(alone.lens.frames[:, 0], together.lens.frames[:, i])
        torch.testing.assert_close(
            alone.controls["random"].frames[:, 0], together.controls["random"].frames[:, i]
        )
        torch.testing.assert_close(alone.sensitivity[0], together.sensitivity[i])
        assert alone.flags[0] == together.flags[i]


def test_luma_keeps_the_colour_differences():
    images, model = photos(1, 3, 24, 20), Curved()
    config = LensConfig(amplifications=(0.5,), scales=2, controls=())
    moved = steerable_lens(model, images, other(model, images), config=config).lens.frames[0]
    before, after = images.float(), moved
    for a, b in ((0, 1), (1, 2)):
        torch.testing.assert_close(
            after[:, a] - after[:, b], before[:, a] - before[:, b], rtol=0, atol=1e-6
        )
    assert not torch.equal(before, after)


def test_budgets_are_attained_exactly():
    images, model = photos(2, 3, 24, 20), Curved()
    config = LensConfig(amplifications=(0.0,), budgets=(0.1, 0.4), scales=2)
    result = steerable_lens(model, images, other(model, images), config=config)
    for frame, budget in ((1, 0.1), (2, 0.4)):
        assert (result.lens.l2[frame] - budget).abs().max() < 1e-3 * budget
    assert result.lens.attained.all()
    assert not any("budget_not_attained" in flags for flags in result.flags)


def test_a_budget_beyond_the_cap_is_flagged():
    images, model = photos(1, 3, 24, 20), Curved()
    config = LensConfig(amplifications=(0.0,), budgets=(1e4,), scales=2, controls=())
    result = steerable_lens(model, images, other(model, images), config=config)
    assert not result.lens.attained[1, 0]
    assert "budget_not_attained" in result.flags[0]


def test_the_flip_is_where_the_boundary_is():
    """A linear network: along its gradient the classes meet at ``(z_S - z_T) / ||w_T - w_S||``."""
    weights = torch.randn(2, 1, 16, 16, generator=generator(3), dtype=torch.float64)
    model, images = Linear(weights), photos(1, 1, 16, 16)
    logits = model(images)[0]
    source = int(logits.argmax())
    config = LensConfig(method="pixel", objective="margin", channels="rgb", controls=())
    result = steerable_lens(model, images, 1 - source, config=config)
    gap = (logits[source] - logits[1 - source]).abs().item()
    distance = gap / (weights[0] - weights[1]).norm().item()
    assert result.lens.flip_l2[0].item() == pytest.approx(distance, rel=1 / 128)
    assert result.lens.flip_l2[0].item() >= distance * (1 - 1e-6)


def test_persistent_stays_within_the_cap_of_the_source():
    """One wave, pushed for ever: it goes a quarter of its length; live goes on and turns."""
    side = 32
    at = torch.arange(side, dtype=torch.float64) * (2 * math.pi * 4 / side)
    wave = (0.5 + 0.25 * torch.cos(at)).expand(side, side)[None, None]
    ramp = -torch.sin(at - math.pi / 2 - 0.4).expand(side, side)[None, None]
    model = Linear(torch.cat([torch.zeros_like(ramp), ramp]))
    options = {"objective": "logit", "steps": 40, "pad": 0, "controls": (), "step_cap": 0.2}
    held = steerable_lens(model, wave, 1, 0, config=LensConfig(mode="persistent", **options))
    free = steerable_lens(model, wave, 1, 0, config=LensConfig(mode="live", **options))
    assert free.lens.objective[-1, 0] >= held.lens.objective[-1, 0] - 1e-6
    assert held.lens.l2[-1, 0] <= free.lens.l2[-1, 0] + 1e-3


def test_a_model_that_does_not_respond_is_flagged_and_left_alone():
    class Constant(nn.Module):
        def forward(self, images):
            return torch.tensor([[1.0, 0.0]]).expand(len(images), 2) + 0 * images.sum()

    images = photos(2, 3, 16, 16, dtype=torch.float32)
    result = steerable_lens(Constant(), images, 1, config=LensConfig(amplifications=SOME))
    assert all(flags == ("zero_gradient", "no_flip") for flags in result.flags)
    assert torch.equal(result.lens.frames, images.expand(4, *images.shape))
    assert (result.lens.raw_alpha == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", ["csp_phase", "fourier_phase"])
def test_a_constant_image_has_nothing_to_move(method, dtype):
    model = Curved(size=(16, 16), dtype=dtype)
    images = torch.full((1, 3, 16, 16), 0.4, dtype=dtype)
    config = LensConfig(method=method, amplifications=SOME)
    result = steerable_lens(model, images, other(model, images), config=config)
    if method == "csp_phase":
        assert "no_phase_content" in result.flags[0]
        assert "zero_gradient" not in result.flags[0]
    assert (result.lens.frames - images.float()).abs().max() < 1e-6
    for track in (result.lens, *result.controls.values()):
        assert track.frames.isfinite().all()


def test_modes_buffers_and_flags_are_left_as_they_were():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)
    )
    images = photos(2, 3, 16, 16, dtype=torch.float32)
    model(images)
    model.train()
    model[0].requires_grad_(False)
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        target = (model.eval()(images).argmax(1) + 1) % 3
        model.train()
        model[1].eval()
    steerable_lens(model, images, target, config=LensConfig(amplifications=SOME))
    assert [part.training for part in model] == [True, False, True, True, True]
    assert not model[0].weight.requires_grad
    assert model[4].weight.requires_grad
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in model.parameters())


def test_it_works_without_gradients_outside():
    images, model = photos(1, 3, 24, 20), Curved()
    config = LensConfig(amplifications=SOME, scales=2, controls=())
    plain = steerable_lens(model, images, other(model, images), config=config)
    with torch.no_grad():
        within = steerable_lens(model, images, other(model, images), config=config)
    assert torch.equal(plain.lens.frames, within.lens.frames)


def test_only_the_bands_that_were_named_move():
    """The change of a single band lies in that band's frequencies."""
    images, model = photos(1, 1, 64, 64), Curved(channels=1, size=(64, 64))
    config = LensConfig(
        amplifications=(0.3,), bands=((1, 0),), scales=3, pad=0, controls=(), channels="rgb"
    )
    result = steerable_lens(model, images, other(model, images), config=config)
    change = torch.fft.fft2(result.lens.frames[0, 0, 0].double() - images[0, 0])
    fy, fx = torch.fft.fftfreq(64)[:, None] * 2, torch.fft.fftfreq(64)[None, :] * 2
    radius = torch.hypot(fy, fx).expand(64, 64)
    inside = (radius > 0.125) & (radius < 0.5)
    energy = change.abs().square()
    assert energy[inside].sum() / energy.sum() > 1 - 1e-6
    assert (result.sensitivity[0] > 0).sum() == 1


def test_judges_are_asked_about_the_same_frames():
    images, model, judge = photos(2, 3, 24, 20), Curved(), Curved(seed=5)
    config = LensConfig(amplifications=SOME, scales=2)
    target = other(model, images)
    result = steerable_lens(model, images, target, config=config, judges={"j": judge, "m": model})
    answers = result.lens.judges
    torch.testing.assert_close(answers["m"].target_prob, result.lens.driver.target_prob)
    with torch.no_grad():
        odds = judge(result.lens.frames[2].double()).softmax(1)
    torch.testing.assert_close(
        answers["j"].target_prob[2], odds.gather(1, target[:, None])[:, 0].float()
    )


def test_the_share_above_half_nyquist():
    at = torch.arange(64, dtype=torch.float64)
    fine = (2 * math.pi * at / 3).cos().expand(1, 1, 64, 64)  # r = 2/3
    coarse = (2 * math.pi * at / 8).cos().expand(1, 1, 64, 64)  # r = 1/4
    nothing = torch.zeros_like(fine)
    # 64 is no multiple of 3: some of the wave leaks, little of it below half Nyquist.
    assert high_frequency_share(fine, nothing).item() > 0.97
    assert high_frequency_share(coarse, nothing).item() == pytest.approx(0, abs=1e-12)
    assert high_frequency_share(nothing, nothing).item() == 0
    noise = torch.randn(1, 3, 256, 256, generator=generator(), dtype=torch.float64)
    share = high_frequency_share(noise, torch.zeros_like(noise)).item()
    assert share == pytest.approx(1 - math.pi / 16, abs=0.01)


def test_the_ratio_of_total_variation():
    images = photos(1, 3, 24, 20)
    assert variation_ratio(0.5 * images, images).item() == pytest.approx(0.5)
    flat = torch.full_like(images, 0.5)
    assert variation_ratio(flat, flat).item() == 1
    assert variation_ratio(images, flat).isnan()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amplifications": (1.0, 0.5)}, "amplifications"),
        ({"amplifications": (-1.0, 0.5)}, "amplifications"),
        ({"amplifications": ()}, "amplifications"),
        ({"budgets": (1.0,), "mode": "live"}, "budgets"),
        ({"orientations": 1}, "orientations"),
        ({"scales": 0}, "scales"),
        ({"phase_cap": 0.0}, "phase_cap"),
        ({"steps": 0}, "steps"),
        ({"value_range": (1.0, 0.0)}, "value_range"),
        ({"bands": ()}, "bands"),
    ],
)
def test_settings_that_cannot_be(options, message):
    with pytest.raises(UsageError, match=message):
        LensConfig(**options)


def test_words_that_are_not_settings():
    """In a process without the checks of types that tests run with, as users have it."""
    program = """
from macoaudit.errors import UsageError
from macoaudit.lens import LensConfig
for options in ({"method": "csp"}, {"mode": "warm"}, {"objective": "loss"},
                {"controls": ("noise",)}, {"channels": "red"}, {"highpass": "none"}):
    try:
        LensConfig(**options)
    except UsageError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == [
        "method: is 'csp'; give one of csp_phase, csp_joint, fourier_phase, pixel",
        "mode: is 'warm'; give one of frozen, persistent, live",
        "objective: is 'loss'; give one of nll, margin, logit",
        "controls: is 'noise'; give one of pixel, random",
        "channels: is 'red'; give one of luma, rgb",
        "highpass: is 'none'; give one of residual, oriented",
    ]


def run(images, model=None, target=1, source=0, **options):
    return steerable_lens(
        model or Curved(size=tuple(images.shape[-2:]), dtype=images.dtype),
        images,
        target,
        source,
        config=LensConfig(**options),
    )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(3, 16, 16), "shape"),
        (torch.rand(0, 3, 16, 16), "shape"),
        (torch.rand(1, 3, 7, 16), "sides of at least 8"),
        (torch.rand(1, 3, 16, 16).half(), "float16"),
        (torch.full((1, 3, 16, 16), torch.nan), "images: holds values that are not finite"),
        (torch.rand(1, 3, 16, 16) + 0.5, "outside value_range"),
    ],
)
def test_images_that_cannot_be_used(images, message):
    with pytest.raises(UsageError, match=message):
        run(images, model=lambda x: x)


def test_classes_that_cannot_be_used():
    images = photos(2, 3, 16, 16)
    for target, source, message in (
        (4, 0, "target: is 4; the model has classes 0 to 3"),
        (-1, 0, "target: is -1"),
        (1, 9, "source: is 9"),
        (torch.tensor([1, 2, 3]), 0, "has 3 classes for 2 images"),
        (1, 1, "target: is class 1, which image 0 has already"),
    ):
        with pytest.raises(UsageError, match=message):
            run(images, target=target, source=source)
    same = steerable_lens(Curved(size=(16, 16)), images, 1, 1, allow_same=True)
    assert torch.equal(same.target, same.source)


def test_models_that_cannot_be_used():
    images = photos(1, 3, 16, 16)
    with pytest.raises(UsageError, match=r"model: gives \(1, 3, 16, 16\) for 1 images"):
        run(images, model=lambda x: x)
    with pytest.raises(OptimizationError, match="logits: model"):
        run(images, model=lambda x: x.flatten(1)[:, :4] * torch.nan)

    def poisoned(x):
        return torch.sqrt(x.flatten(1)[:, :4] - x.flatten(1)[:, :4].detach())

    with pytest.raises(OptimizationError, match="gradient: the model's gradient"):
        run(images, model=poisoned)
    with pytest.raises(UsageError, match="judges: small has 2 classes"):
        steerable_lens(
            Curved(size=(16, 16)),
            images,
            3,
            0,
            judges={"small": Curved(size=(16, 16), classes=2)},
        )


def test_luma_needs_colours_or_none():
    with pytest.raises(UsageError, match="luma needs 1 or 3 channels, and the images have 2"):
        run(photos(1, 2, 16, 16), model=Curved(channels=2, size=(16, 16)))
    run(photos(1, 2, 16, 16), model=Curved(channels=2, size=(16, 16)), channels="rgb")


def test_an_objective_of_ones_own():
    images, model = photos(1, 3, 24, 20), Curved()
    target = other(model, images)

    def margin(logits, to, origin):
        return (logits.gather(1, to[:, None]) - logits.gather(1, origin[:, None]))[:, 0]

    own = steerable_lens(
        model, images, target, config=LensConfig(objective=margin, scales=2, controls=())
    )
    named = steerable_lens(
        model, images, target, config=LensConfig(objective="margin", scales=2, controls=())
    )
    assert torch.equal(own.lens.frames, named.lens.frames)
    with pytest.raises(UsageError, match="objective: gives"):
        run(images, objective=lambda logits, to, origin: logits)


def test_bands_that_are_not_there():
    with pytest.raises(UsageError, match="bands: names scale 7"):
        run(photos(1, 3, 24, 20), model=Curved(), bands=((7, 0),))


def test_a_blur_has_the_gaussian_s_gain():
    """A wave of frequency f comes back times ``exp(-2 (pi sigma f)^2)``, sigma doubled a scale."""
    images = photos(1, 1, 64, 64)
    frame = make_frame(LensConfig(pad=0, scales=3), images)
    at = torch.arange(64, dtype=torch.float64)
    wave = (2 * math.pi * at * 4 / 64).cos().expand(1, 1, 3, 4, 64, 64)
    blurred = frame.blur(wave, 1.5)
    for scale in range(3):
        gain = math.exp(-2 * (math.pi * 1.5 * 2**scale * 4 / 64) ** 2)
        torch.testing.assert_close(blurred[:, :, scale], gain * wave[:, :, scale])


def test_smoothing_makes_the_direction_smoother():
    images, model = photos(1, 3, 24, 20), Curved()
    frame = make_frame(LensConfig(scales=2), images)
    planes = Planes("luma")
    coefficients = frame.analyse(planes.of(images))
    free = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(free)[:, 1].sum(), free)
    pulled = frame.pull(planes.gradient(gradient))
    rough = [
        slopes(LensConfig(scales=2, smoothing=sigma), frame, coefficients, pulled)
        .phase.diff(dim=-1)
        .abs()
        .mean()
        .item()
        for sigma in (0.0, 0.5, 2.0)
    ]
    assert rough == sorted(rough, reverse=True)
