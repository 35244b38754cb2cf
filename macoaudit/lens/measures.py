"""What is measured of an edit: its size, how fine it is, how rough the image becomes."""

import torch
from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "batch channel height width"]
Numbers = Float[Tensor, " batch"]

HALF_NYQUIST = 0.5


def linf(images: Images, source: Images) -> Numbers:
    """Largest absolute change of a value."""
    return (images - source).flatten(1).abs().amax(1)


def clip_fraction(images: Images, source: Images, value_range: tuple[float, float]) -> Numbers:
    """Share of values that the edit brought to a limit of the value range."""
    low, high = value_range
    at_limit = (images <= low) | (images >= high)
    before = (source <= low) | (source >= high)
    return (at_limit & ~before).flatten(1).double().mean(1).to(images.dtype)


def high_frequency_share(images: Images, source: Images) -> Numbers:
    """Share of the energy of the change above half Nyquist; 0 where nothing changed.

    With Nyquist at 1, ``sum_{r > 1/2} |F(x' - x)|^2 / sum |F(x' - x)|^2``, r the length of the
    frequency. White noise has 1 - pi/16 = .80 of it there.
    """
    height, width = images.shape[-2:]
    fy = torch.fft.fftfreq(height, dtype=torch.float64, device=images.device)[:, None] * 2
    fx = torch.fft.fftfreq(width, dtype=torch.float64, device=images.device)[None, :] * 2
    fine = torch.hypot(fx, fy) > HALF_NYQUIST
    energy = torch.fft.fft2((images - source).double()).abs().square().sum(dim=1)
    total = energy.flatten(1).sum(1)
    share = (energy * fine).flatten(1).sum(1) / total.clamp(min=1e-300)
    return torch.where(total > 0, share, torch.zeros_like(share)).to(images.dtype)


def total_variation(images: Images) -> Numbers:
    """Sum of absolute differences of neighbouring values, down and across."""
    down = images.diff(dim=-2).abs().flatten(1).sum(1)
    return down + images.diff(dim=-1).abs().flatten(1).sum(1)


def variation_ratio(images: Images, source: Images) -> Numbers:
    """Total variation over the source's; of a constant source 1 when unchanged, else NaN."""
    before, after = total_variation(source), total_variation(images)
    plain = after / before.clamp(min=1e-30)
    without = torch.where(after > 0, torch.full_like(after, torch.nan), torch.ones_like(after))
    return torch.where(before > 0, plain, without)
