"""Mean magnitude spectra of natural images: measure, save, load, resample.

A spectrum lives in a decorrelated colour space: ``image_01 = color_matrix @ z`` per pixel. In that
space ``magnitude[c, ky, kx] = E_images |rfft2(z_c)|`` with orthonormal scaling, so that one value
means the same contrast at any image size. The zero frequency is handled apart: ``dc`` is the signed
mean ``E rfft2(z_c)[0, 0]``, hence every synthesised image has exactly the mean natural colour, and
``magnitude[c, 0, 0] = |dc[c]|``.

Source of the idea of a fixed natural magnitude: Fel et al. 2023 (arXiv 2306.06805), section 3.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import SpectrumError, StoreError
from macoaudit.files import write_bytes

PACKAGED = "natural_spectrum.safetensors"

# The extrapolation slope is fitted where a photograph is neither dominated by its composition
# (below a tenth of Nyquist) nor touched by the camera's and the resizer's roll-off.
_SLOPE_BAND_FRAC = (0.1, 0.5)
# Beyond this share of the measured band the values themselves carry the roll-off.
_TRUSTED_BAND_FRAC = 0.8


@dataclass(frozen=True)
class Spectrum:
    """A mean magnitude spectrum and the colour space it lives in."""

    magnitude: Float[Tensor, "channel height half_width"]
    """Orthonormal ``E|rfft2|`` per decorrelated channel, rfft2 layout, float32."""
    width: int
    """Width of the measured images; not recoverable from ``half_width`` alone."""
    dc: Float[Tensor, " channel"]
    """Signed mean of the zero-frequency coefficient (orthonormal)."""
    color_matrix: Float[Tensor, "channel channel"]
    """Maps decorrelated channels to image channels: ``image_01 = color_matrix @ z``."""
    n_images: int
    recipe: Mapping[str, str]
    """How it was measured: source, size, border, colour matrix."""
    digest: str
    """sha256 over all the numbers above."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the measured images, in pixels."""
        return (int(self.magnitude.shape[1]), self.width)


def _digest(*tensors: Tensor) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        array = tensor.detach().to(torch.float32).contiguous().numpy()
        digest.update(str(array.shape).encode() + array.tobytes())
    return digest.hexdigest()


def _make(
    magnitude: Tensor,
    width: int,
    dc: Tensor,
    color_matrix: Tensor,
    n_images: int,
    recipe: Mapping[str, str],
) -> Spectrum:
    # Through float16 and back, so that a spectrum is the same before and after it was on disk.
    magnitude = magnitude.to(torch.float16).to(torch.float32)
    dc, color_matrix = dc.to(torch.float32), color_matrix.to(torch.float32)
    magnitude[:, 0, 0] = dc.abs()
    digest = _digest(magnitude, torch.tensor(width), dc, color_matrix)
    return Spectrum(magnitude, width, dc, color_matrix, n_images, dict(recipe), digest)


def color_decorrelation(
    images: Iterable[Float[Tensor, "channel height width"]],
) -> Float[Tensor, "channel channel"]:
    r"""Measure the matrix that maps decorrelated channels to image colours.

    ``color_matrix = E diag(sqrt(lambda))`` with ``E, lambda`` the eigenvectors and eigenvalues of
    the covariance of pixel colours (each image counts the same); columns are ordered by falling
    eigenvalue and signed so that their entries sum to a positive number. Channels of
    ``z = color_matrix^-1 image_01`` are then uncorrelated with unit variance.

    Args:
        images: images with values in [0, 1].

    Raises:
        SpectrumError: when there is no image, or the colours do not vary in every direction.
    """
    count, mean, second = 0, torch.zeros(()), torch.zeros(())
    for image in images:
        pixels = image.flatten(1).to(torch.float64)
        mean = mean + pixels.mean(1)
        second = second + pixels @ pixels.T / pixels.shape[1]
        count += 1
    if count == 0:
        raise SpectrumError("spectrum: no image to measure the colours of; give a folder of images")
    mean, second = mean / count, second / count
    values, vectors = torch.linalg.eigh(second - torch.outer(mean, mean))
    values, vectors = values.flip(0), vectors.flip(1)
    if values[-1] <= 1e-8 * max(float(values[0]), 1e-12):
        raise SpectrumError(
            "spectrum: the images' colours do not vary in every channel (grey images stored as "
            "RGB?), so the channels cannot be decorrelated; use color='identity' or other images"
        )
    vectors = vectors * torch.where(vectors.sum(0) < 0, -1.0, 1.0)
    matrix: Tensor = (vectors * values.sqrt()).to(torch.float32)
    return matrix


def periodic_component(
    image: Float[Tensor, "channel height width"],
) -> Float[Tensor, "channel height width"]:
    r"""Remove the cross that a non-periodic border draws into the spectrum.

    The periodic-plus-smooth decomposition: with ``v`` the border discontinuity image,
    ``s = F^-1[ F(v) / (2 cos(2 pi kx / W) + 2 cos(2 pi ky / H) - 4) ]`` and the result is
    ``image - s``. The image's mean is kept.

    Source: Moisan 2011, "Periodic plus smooth image decomposition", J. Math. Imaging Vis. 39.
    """
    height, width = image.shape[-2:]
    border = torch.zeros_like(image)
    rows = image[:, -1, :] - image[:, 0, :]
    columns = image[:, :, -1] - image[:, :, 0]
    border[:, 0, :] += rows
    border[:, -1, :] -= rows
    border[:, :, 0] += columns
    border[:, :, -1] -= columns
    ky = torch.fft.fftfreq(height, dtype=image.dtype)[:, None]
    kx = torch.fft.rfftfreq(width, dtype=image.dtype)[None, :]
    laplacian = 2 * torch.cos(2 * math.pi * kx) + 2 * torch.cos(2 * math.pi * ky) - 4
    laplacian[0, 0] = 1.0
    smooth = torch.fft.rfft2(border) / laplacian
    smooth[:, 0, 0] = 0
    periodic: Tensor = image - torch.fft.irfft2(smooth, s=(height, width))
    return periodic


def measure_spectrum(
    images: Iterable[Float[Tensor, "channel height width"]],
    color_matrix: Float[Tensor, "channel channel"],
    *,
    border: str = "raw",
    recipe: Mapping[str, str] | None = None,
) -> Spectrum:
    """Measure the mean magnitude ``E|rfft2(color_matrix^-1 image)|`` of equally sized images.

    Args:
        images: images with values in [0, 1], all of one size.
        color_matrix: see :func:`color_decorrelation`; the identity keeps the channels as they are.
        border: ``raw`` takes each image as it is, ``periodic`` its periodic component
            (:func:`periodic_component`), which has no cross through the origin.
        recipe: facts on the source to store with the numbers.

    Raises:
        SpectrumError: when there is no image, sizes differ, or a value is not finite.
    """
    if border not in ("raw", "periodic"):
        raise SpectrumError(f"spectrum: border is {border!r}; use 'raw' or 'periodic'")
    inverse = torch.linalg.inv(color_matrix.to(torch.float64))
    total, dc, shape, count = torch.zeros(()), torch.zeros(()), None, 0
    for image in images:
        if shape is not None and image.shape != shape:
            raise SpectrumError(
                f"spectrum: image {count + 1} has shape {tuple(image.shape)}, the first has "
                f"{tuple(shape)}; resize and crop all of them to one size first"
            )
        shape = image.shape
        plane = torch.einsum("ij,jhw->ihw", inverse, image.to(torch.float64))
        if border == "periodic":
            plane = periodic_component(plane)
        coefficients = torch.fft.rfft2(plane, norm="ortho")
        if not torch.isfinite(coefficients).all():
            raise SpectrumError(f"spectrum: image {count + 1} has a value that is not finite")
        total = total + coefficients.abs()
        dc = dc + coefficients[:, 0, 0].real
        count += 1
    if shape is None:
        raise SpectrumError("spectrum: no image to measure; give a folder of images")
    facts = {"border": border, **(recipe or {})}
    return _make(total / count, int(shape[2]), dc / count, color_matrix, count, facts)


def save_spectrum(spectrum: Spectrum, path: Path) -> None:
    """Write a spectrum as safetensors, the magnitude as float16, atomically.

    Raises:
        SpectrumError: when the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {
        "magnitude": spectrum.magnitude.to(torch.float16).contiguous(),
        "dc": spectrum.dc.contiguous(),
        "color_matrix": spectrum.color_matrix.contiguous(),
    }
    metadata = {
        "format": "macoaudit-spectrum-1",
        "width": str(spectrum.width),
        "n_images": str(spectrum.n_images),
        "digest": spectrum.digest,
        "recipe": json.dumps(dict(spectrum.recipe), sort_keys=True),
    }
    try:
        write_bytes(path, save(tensors, metadata=metadata))
    except StoreError as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise SpectrumError(
            f"spectrum: cannot write {path} ({reason}); choose another file with --output"
        ) from error


def load_spectrum(path: Path | None = None) -> Spectrum:
    """Read a spectrum; without a path, the packaged natural spectrum.

    Raises:
        SpectrumError: when the file is missing, is no macoaudit spectrum, or its numbers do not
            have the digest that it states.
    """
    from safetensors import SafetensorError, safe_open

    file = path or Path(str(resources.files("macoaudit").joinpath("data", PACKAGED)))
    try:
        with safe_open(file, "pt") as handle:
            metadata = handle.metadata() or {}
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
        spectrum = _make(
            tensors["magnitude"].to(torch.float32),
            int(metadata["width"]),
            tensors["dc"],
            tensors["color_matrix"],
            int(metadata["n_images"]),
            json.loads(metadata["recipe"]),
        )
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
        raise SpectrumError(
            f"spectrum: {file} is not a readable macoaudit spectrum ({error}); "
            "make one with 'macoaudit spectrum IMAGES -o FILE'"
        ) from error
    if spectrum.digest != metadata.get("digest"):
        raise SpectrumError(
            f"spectrum: the numbers in {file} have digest {spectrum.digest[:12]}, the file states "
            f"{metadata.get('digest', 'none')[:12]}; the file was changed, measure it again"
        )
    return spectrum


def power_law_slope(
    magnitude: Float[Tensor, "channel height half_width"], width: int
) -> Float[Tensor, " channel"]:
    """Fit ``a`` of ``magnitude ~ 1 / k^a`` per channel, below the roll-off of the measured band.

    The fit is least squares of log magnitude on log radius over bins between a tenth and a half of
    the Nyquist frequency.
    """
    height = magnitude.shape[1]
    ky = torch.fft.fftfreq(height, d=1 / height)[:, None] / (height / 2)
    kx = torch.arange(magnitude.shape[2])[None, :] / (width / 2)
    radius = torch.hypot(ky, kx)
    inside = (radius >= _SLOPE_BAND_FRAC[0]) & (radius <= _SLOPE_BAND_FRAC[1])
    if int(inside.sum()) < 8:
        raise SpectrumError(
            f"spectrum: {height}x{width} is too small to fit a slope; measure at 32 px or more"
        )
    x = radius[inside].log().to(torch.float64)
    y = magnitude[:, inside].clamp_min(1e-12).log().to(torch.float64)
    x = x - x.mean()
    return (-(y * x).sum(1) / (x * x).sum()).to(torch.float32)


def resample(
    spectrum: Spectrum, size: tuple[int, int]
) -> Float[Tensor, "channel height half_width"]:
    r"""Resample the magnitude to another canvas in frequency coordinates.

    Bin ``(ky, kx)`` of an ``H x W`` canvas has the physical frequency ``(ky / H, kx / W)`` per
    pixel; in units of a square picture of the same area that is
    ``(ky sqrt(W / H), kx sqrt(H / W))`` cycles, where the log of the measured magnitude is
    interpolated bilinearly over signed ``ky``. With orthonormal scaling the value carries over as
    ``r' = r sqrt(HW / (native HW))``, which keeps the contrast of each band. Beyond the trusted
    part of the measured band the value at the band's edge in the same direction is continued with
    the slope of :func:`power_law_slope`. The zero frequency is copied (scaled), and the ``kx = 0``
    and Nyquist columns are made symmetric in ``ky``, as the spectrum of a real image is. At the
    native size the result equals the template.

    Args:
        spectrum: the measured spectrum.
        size: height and width of the canvas in pixels, each at least 8.

    Raises:
        SpectrumError: when the size is too small.
    """
    height, width = size
    if min(height, width) < 8:
        raise SpectrumError(f"spectrum: a canvas of {height}x{width} is below 8 px; use a larger")
    native_height, native_width = spectrum.size
    scale = math.sqrt(height * width / (native_height * native_width))
    if size == spectrum.size:
        return spectrum.magnitude.clone()
    ky = torch.fft.fftfreq(height, d=1 / height, dtype=torch.float64)[:, None]
    kx = torch.arange(width // 2 + 1, dtype=torch.float64)[None, :]
    ky, kx = ky * math.sqrt(width / height), kx * math.sqrt(height / width)
    ky, kx = ky.expand(height, width // 2 + 1), kx.expand(height, width // 2 + 1)
    limit_y = _TRUSTED_BAND_FRAC * (native_height // 2)
    limit_x = _TRUSTED_BAND_FRAC * (native_width // 2)
    over = torch.maximum(ky.abs() / limit_y, kx / limit_x).clamp_min(1.0)
    inside = _interpolate_log(spectrum.magnitude, ky / over, kx / over)
    slope = power_law_slope(spectrum.magnitude, native_width).to(torch.float64)
    magnitude = torch.exp(inside - slope[:, None, None] * over.log()) * scale
    mirrored = magnitude.roll(-1, 1).flip(1)
    for column in [0] + ([width // 2] if width % 2 == 0 else []):
        both = (magnitude[:, :, column] + mirrored[:, :, column]) / 2
        magnitude[:, :, column] = both
    magnitude[:, 0, 0] = spectrum.dc.abs().to(torch.float64) * scale
    return magnitude.to(torch.float32)


def resample_as_picture(
    spectrum: Spectrum, size: tuple[int, int]
) -> Float[Tensor, "channel height half_width"]:
    """Resize the rfft array as if it were a picture: the peers' way, for the compat presets only.

    Bilinear with antialiasing over the unshifted array, so that positive and negative frequencies
    blend at its edges. Kept because published figures depend on it (Horama 0.3.0, maco_fv.py).
    """
    shape = (size[0], size[1] // 2 + 1)
    native_height, native_width = spectrum.size
    resized = torch.nn.functional.interpolate(
        spectrum.magnitude[None], size=shape, mode="bilinear", align_corners=False, antialias=True
    )[0]
    return resized * math.sqrt(size[0] * size[1] / (native_height * native_width))


def resampled_dc(spectrum: Spectrum, size: tuple[int, int]) -> Float[Tensor, " channel"]:
    """Scale the signed zero-frequency coefficient to another canvas size."""
    native_height, native_width = spectrum.size
    return spectrum.dc * math.sqrt(size[0] * size[1] / (native_height * native_width))


def _interpolate_log(magnitude: Tensor, ky: Tensor, kx: Tensor) -> Tensor:
    """Bilinear log magnitude at fractional signed cycles inside the measured band."""
    height = magnitude.shape[1]
    log = magnitude.clamp_min(1e-12).log().to(torch.float64)
    # The zero frequency must not leak into its neighbours: it is another quantity (mean colour).
    log[:, 0, 0] = (log[:, 0, 1] + log[:, 1, 0]) / 2
    y0, x0 = ky.floor(), kx.floor()
    wy, wx = ky - y0, kx - x0
    y0, x0 = y0.long(), x0.long()
    x1 = (x0 + 1).clamp_max(magnitude.shape[2] - 1)

    def at(y: Tensor, x: Tensor) -> Tensor:
        return log[:, y % height, x]

    top = at(y0, x0) * (1 - wx) + at(y0, x1) * wx
    bottom = at(y0 + 1, x0) * (1 - wx) + at(y0 + 1, x1) * wx
    return top * (1 - wy) + bottom * wy
