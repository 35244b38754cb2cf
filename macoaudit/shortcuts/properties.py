"""Properties of a whole image (brightness, tint, blur, border, corners): numbers and their shifts.

Each property is a number an image, and most have a shift: a family of changes that move it. They
serve the screen (does the number tell what the network says?) and the intervention (does moving it
move the network?).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.shortcuts.reading import Images

Amount = Float[Tensor, " image"]
Numbers = Callable[[Images], Amount]
Shift = Callable[[Images, Amount], Images]

_BORDER_FRAC = 0.06
_CORNER_FRAC = 0.2


@dataclass(frozen=True)
class Property:
    """A number of an image, and how to move it."""

    name: str
    measure: Numbers
    shift: Shift | None = None
    """Of images and an amount each, -1 to 1; 0 changes nothing; the number rises with it. None
    where no change of the pixels moves it alone."""


def _grey(image_01: Images) -> Float[Tensor, "image height width"]:
    return image_01.mean(1)


def _spread(amount: Amount) -> Tensor:
    return amount[:, None, None, None]


def _soft(image_01: Images) -> Images:
    """3 x 3 mean, three times: a blur of about 1.4 px."""
    for _ in range(3):
        padded = torch.nn.functional.pad(image_01, (1, 1, 1, 1), mode="replicate")
        image_01 = torch.nn.functional.avg_pool2d(padded, 3, stride=1)
    return image_01


def _sharpness(image_01: Images) -> Amount:
    return (image_01 - _soft(image_01)).square().flatten(1).mean(1).clamp_min(1e-8).log()


def _sharpen(image_01: Images, amount: Amount) -> Images:
    # Up to four times the detail, down to none: the logarithm of what is left moves evenly.
    gain = torch.where(amount > 0, 1 + 3 * amount, 1 + amount)
    soft = _soft(image_01)
    return (soft + _spread(gain) * (image_01 - soft)).clamp(0, 1)


def _brighten(image_01: Images, amount: Amount) -> Images:
    return (image_01 + _spread(amount)).clamp(0, 1)


def _contrast(image_01: Images, amount: Amount) -> Images:
    middle = image_01.mean((1, 2, 3), keepdim=True)
    gain = torch.where(amount > 0, 1 + 3 * amount, 1 + amount)
    return (middle + _spread(gain) * (image_01 - middle)).clamp(0, 1)


def _saturation(image_01: Images) -> Amount:
    return (image_01.amax(1) - image_01.amin(1)).flatten(1).mean(1)


def _saturate(image_01: Images, amount: Amount) -> Images:
    grey = image_01.mean(1, keepdim=True)
    gain = torch.where(amount > 0, 1 + 3 * amount, 1 + amount)
    return (grey + _spread(gain) * (image_01 - grey)).clamp(0, 1)


def _balance(colour: int) -> Property:
    """One colour against the two others."""

    def measure(image_01: Images) -> Amount:
        means = image_01.mean((2, 3))
        return means[:, colour] - (means.sum(1) - means[:, colour]) / 2

    def shift(image_01: Images, amount: Amount) -> Images:
        weights = torch.full((3,), -0.5)
        weights[colour] = 1.0
        return (image_01 + _spread(amount) * weights[:, None, None].to(image_01)).clamp(0, 1)

    return Property(f"{('red', 'green', 'blue')[colour]} balance", measure, shift)


def _area(name: str, place: Callable[[int, int], Tensor]) -> Property:
    """Brightness of a part of the image against the rest."""

    def mask(image_01: Images) -> Tensor:
        return place(int(image_01.shape[-2]), int(image_01.shape[-1])).to(image_01.device)

    def measure(image_01: Images) -> Amount:
        inside, grey = mask(image_01), _grey(image_01)
        return grey[:, inside].mean(1) - grey[:, ~inside].mean(1)

    def shift(image_01: Images, amount: Amount) -> Images:
        return (image_01 + _spread(amount) * mask(image_01)).clamp(0, 1)

    return Property(f"{name} brightness", measure, shift)


def _border(height: int, width: int) -> Tensor:
    edge = max(1, round(_BORDER_FRAC * min(height, width)))
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[edge:-edge, edge:-edge] = False
    return mask


def _corner(bottom: bool, right: bool) -> Callable[[int, int], Tensor]:
    def place(height: int, width: int) -> Tensor:
        side = max(1, round(_CORNER_FRAC * min(height, width)))
        mask = torch.zeros(height, width, dtype=torch.bool)
        rows = slice(-side, None) if bottom else slice(side)
        columns = slice(-side, None) if right else slice(side)
        mask[rows, columns] = True
        return mask

    return place


def _border_contrast(image_01: Images) -> Amount:
    """Spread of the border's pixels: a drawn frame has none."""
    inside = _border(int(image_01.shape[-2]), int(image_01.shape[-1])).to(image_01.device)
    return _grey(image_01)[:, inside].std(1)


def _dark_share(image_01: Images) -> Amount:
    return (_grey(image_01) < 0.15).flatten(1).to(image_01).mean(1)


def _bright_share(image_01: Images) -> Amount:
    return (_grey(image_01) > 0.85).flatten(1).to(image_01).mean(1)


def _upright(image_01: Images) -> Amount:
    """Energy of horizontal against vertical differences, -1 to 1."""
    grey = _grey(image_01)
    across = grey.diff(dim=2).square().flatten(1).mean(1)
    down = grey.diff(dim=1).square().flatten(1).mean(1)
    return (across - down) / (across + down).clamp_min(1e-8)


def _mirror_likeness(image_01: Images) -> Amount:
    grey = _grey(image_01)
    return -(grey - grey.flip(2)).abs().flatten(1).mean(1)


PROPERTIES: tuple[Property, ...] = (
    Property("brightness", lambda image_01: image_01.flatten(1).mean(1), _brighten),
    Property("contrast", lambda image_01: _grey(image_01).flatten(1).std(1), _contrast),
    Property("saturation", _saturation, _saturate),
    Property("sharpness", _sharpness, _sharpen),
    *(_balance(colour) for colour in range(3)),
    _area("border", _border),
    *(
        _area(
            f"{'lower' if bottom else 'upper'} {'right' if right else 'left'} corner",
            _corner(bottom, right),
        )
        for bottom in (False, True)
        for right in (False, True)
    ),
    Property("border contrast", _border_contrast),
    Property("share of dark pixels", _dark_share),
    Property("share of bright pixels", _bright_share),
    Property("uprightness of edges", _upright),
    Property("mirror likeness", _mirror_likeness),
)
"""Properties of the pixels; facts of the file (format, size) are given by the caller."""


def measure_properties(
    image_01: Images, facts: Mapping[str, Amount] | None = None
) -> tuple[tuple[str, ...], Float[Tensor, "image property"]]:
    """Measure every property of every image.

    Args:
        image_01: three colours, values 0..1.
        facts: further numbers by name, one an image: of the file, before it was preprocessed.

    Returns:
        The names, and the numbers in float64.
    """
    columns = {one.name: one.measure(image_01) for one in PROPERTIES} | dict(facts or {})
    return tuple(columns), torch.stack([one.double() for one in columns.values()], 1)
