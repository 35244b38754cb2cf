"""The pictures of a finding with the words that stand beside them and in for them."""

from macoaudit.report.finding_records import ExampleView, RegionView
from macoaudit.report.pieces import Picture
from macoaudit.report.words import fraction_text, probability_text, visible
from macoaudit.results import Finding, FindingRegion, PastedExample, Run


def _path(run: Run, image_id: str) -> str:
    return visible(next((one.path for one in run.images if one.id == image_id), image_id))


def points_text(change: float) -> str:
    """Print a change of a probability in percentage points, with its sign."""
    value = round(100 * change, 1)
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else ""
    return f"{sign}{abs(value):.1f} points"


def _place(region: FindingRegion) -> str:
    top, left, height, width = region.box_px
    return f"{height} × {width} px from row {top}, column {left}"  # noqa: RUF001


def _region(run: Run, finding: Finding, region: FindingRegion, small: bool) -> RegionView:
    path, name = _path(run, region.image), visible(finding.class_name)
    area = f"{fraction_text(100 * region.area_frac, 1)} % of the image"
    rise = ""
    if region.rise is not None:
        rise = f"pasted on others: {name} {points_text(region.rise)} on average"
    return RegionView(
        Picture(
            region.files["overlay"],
            f"{path}: {_place(region)}, {area}",
            f"Image {path} with the region outlined: {_place(region)}, {area}",
            small,
        ),
        Picture(
            region.files["region"],
            f"The region alone{'; ' + rise if rise else ''}",
            f"The region of {path} alone{'; ' + rise if rise else ''}",
            small=True,
            trim=True,
        ),
    )


def regions_of(run: Run, finding: Finding, first: int) -> list[RegionView]:
    """Word the regions of a finding; those after the first ones are shown small."""
    return [
        _region(run, finding, region, number >= first)
        for number, region in enumerate(finding.regions)
    ]


def _example(run: Run, finding: Finding, example: PastedExample, small: bool) -> ExampleView:
    path, name = _path(run, example.image), visible(finding.class_name)
    before, after = visible(example.before), visible(example.after)
    p_before = f"{name} {probability_text(example.before_probability)}"
    p_after = f"{name} {probability_text(example.after_probability)}"
    how = "the whole image changed"
    if example.source is not None:
        how = f"with the region of {_path(run, example.source)}"
    return ExampleView(
        Picture(
            example.files["before"],
            f"Before: said to be {before}; {p_before}",
            f"{path} before: the network says {before}, probability of {p_before}",
            small,
        ),
        Picture(
            example.files["after"],
            f"After: said to be {after}; {p_after}",
            f"{path} after, {how}: the network says {after}, probability of {p_after}",
            small,
        ),
        changed=example.before != example.after,
    )


def examples_of(run: Run, finding: Finding, first: int) -> list[ExampleView]:
    """Word the examples of a finding; those after the first ones are shown small."""
    return [
        _example(run, finding, example, number >= first)
        for number, example in enumerate(finding.examples)
    ]


def drawing(run: Run, finding: Finding) -> tuple[tuple[Picture, ...], str | None]:
    """Pick the drawing of a finding's class: its pictures, or why there is none."""
    name = visible(finding.class_name)
    if finding.visualization is None:
        return (), f"{name} was not drawn in this run."
    found = [one for one in run.visualizations if one.id == finding.visualization]
    good = next((one for one in found if one.status == "ok"), None)
    if good is None:
        reason = next((one.reason for one in found if one.reason), None)
        return (), f"{name} could not be drawn: {visible(reason or 'no reason was recorded')}."
    texts = {
        "image": Picture(
            good.files.get("image", ""),
            f"Drawn for {name}, seed {good.seed}",
            f"Visualisation of {name}, seed {good.seed}: an image found by optimisation that "
            "drives the class up",
        ),
        "masked": Picture(
            good.files.get("masked", ""),
            "Where the optimisation worked",
            f"Visualisation of {name}, seed {good.seed}, faded to grey where the optimisation "
            "hardly worked",
        ),
    }
    return tuple(one for kind, one in texts.items() if kind in good.files), None
