"""The depth profile to a chart, a table, and a row of pictures on each card."""

from collections.abc import Sequence
from dataclasses import replace

from macoaudit.report.charts import Chart, line_chart
from macoaudit.report.pieces import DepthRow, DepthStep, DepthView, Picture
from macoaudit.report.retention import attribute_name, octave, ordered
from macoaudit.report.words import DASH, fraction_text, plural, similarity_text, visible
from macoaudit.results import DepthPoint, ImageAudit, Retained, Skipped


def depth_steps(image: ImageAudit) -> tuple[DepthStep, ...]:
    """Turn the depth profile of an image into its row of pictures."""
    name = visible(image.path)
    return tuple(
        DepthStep(
            visible(point.layer),
            Picture(
                point.image,
                f"{visible(point.layer)}: {similarity_text(point.similarity)}",
                f"Inversion of {name} at layer {visible(point.layer)}, first seed; cosine "
                f"{similarity_text(point.similarity)}, mean over seeds",
                small=True,
            ),
        )
        for point in image.depth
    )


def _layers(images: Sequence[ImageAudit]) -> list[str]:
    """List the layers in the network's order: that of the longest profile, then any others."""
    profiles = sorted((image.depth for image in images), key=len, reverse=True)
    return list(dict.fromkeys(point.layer for profile in profiles for point in profile))


def _mean(points: Sequence[DepthPoint], name: str) -> tuple[float | None, int]:
    """Average an attribute over images: the only arithmetic that a report does."""
    found = [a.value for p in points if isinstance(a := p.attributes.get(name), Retained)]
    return (sum(found) / len(found) if found else None), len(found)


def _reasons(points: Sequence[DepthPoint], names: Sequence[str]) -> str | None:
    """Say which attributes were measured nowhere, and why."""
    parts = []
    for name in names:
        skips = {a.reason for p in points if isinstance(a := p.attributes.get(name), Skipped)}
        why = "; ".join(visible(reason) for reason in sorted(skips))
        parts.append(f"{attribute_name(name)} ({why})" if why else attribute_name(name))
    return f"Left out, because not measured: {', '.join(parts)}." if parts else None


def _chart(
    title: str, layers: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]]
) -> Chart:
    words = []
    for name, values in series:
        pairs = zip(layers, values, strict=True)
        words.append(f"{name}: {', '.join(f'{la} {fraction_text(v)}' for la, v in pairs)}.")
    chart = line_chart(
        f"{title}. {' '.join(words)}",
        layers,
        series,
        top=1.0,
        width_px=552.0,
        height_px=230.0,
        label_px=222.0,
    )
    return replace(chart, caption=title)


def depth_view(images: Sequence[ImageAudit]) -> DepthView | None:
    """Put the depth profiles of a run together; None when no image has one.

    Args:
        images: all images of the run.

    Returns:
        Charts and a table of mean retention by layer, over the images that have the number.
    """
    profiled = [image for image in images if image.depth]
    if not profiled:
        return None
    layers = _layers(profiled)
    at = {la: [p for i in profiled for p in i.depth if p.layer == la] for la in layers}
    points = [point for found in at.values() for point in found]
    every = ordered({name for point in points for name in point.attributes})
    means = {name: [_mean(at[layer], name) for layer in layers] for name in every}
    shown = [name for name in every if any(n for _, n in means[name])]
    labels = [visible(layer) for layer in layers]
    lines = {name: [value for value, _ in means[name]] for name in shown}
    groups = (
        ("Mean retention by layer: looks, place, classes", [n for n in shown if not octave(n)]),
        ("Mean retention by layer: octaves of detail", [n for n in shown if octave(n)]),
    )
    rows = []
    for index, layer in enumerate(layers):
        n_images = len(at[layer])
        cells = []
        for name in shown:
            value, n = means[name][index]
            few = f" (n = {n:,})" if 0 < n < n_images else ""
            cells.append(DASH if value is None else f"{fraction_text(value)}{few}")
        rows.append(DepthRow(labels[index], f"{n_images:,}", tuple(cells)))
    return DepthView(
        note=(
            f"{plural(len(profiled), 'image')} inverted at {plural(len(layers), 'layer')}, in the "
            "network's order. Each number is the mean over images of the share of the attribute "
            "that came back: 0 as for random-phase images, 1 as the reference itself."
        ),
        charts=tuple(
            _chart(title, labels, [(attribute_name(name), lines[name]) for name in names])
            for title, names in groups
            if names
        ),
        names=tuple(attribute_name(name) for name in shown),
        rows=tuple(rows),
        left_out=_reasons(points, [name for name in every if name not in shown]),
    )
