"""A run of ``morph`` as plain data: the numbers over all, cards, a table, what it cannot tell."""

from collections.abc import Iterator, Mapping, Sequence

from macoaudit.report.drawn_view import network_facts
from macoaudit.report.facts import audited, reproduce, subtitle, volatile
from macoaudit.report.limits import Limits
from macoaudit.report.morph_cards import build_morph_card, heat_table, order_of
from macoaudit.report.morph_records import MorphBanner, MorphCard, MorphRow, MorphView
from macoaudit.report.morph_texts import morph_texts
from macoaudit.report.morph_totals import confusion_table, totals
from macoaudit.report.morph_words import (
    METHODS,
    MODES,
    distance_text,
    flip_texts,
    judges_text,
)
from macoaudit.report.records import Fact, FactGroup, Problem
from macoaudit.report.words import DASH, plural, probability_text, share_text, visible
from macoaudit.results import ImageAudit, Morph, Run

_PAIRS = 20
_COLUMNS = (
    ("Image", False),
    ("From", False),
    ("To", False),
    ("Outcome", False),
    ("Flip L2", True),
    ("of pixels", True),
    ("p(target) at the end", True),
    ("Above half Nyquist", True),
    ("of pixels", True),
    ("Judges agree", True),
)


def mode_of(run: Run) -> str:
    """Read the mode of the lens."""
    return str(run.config.get("mode"))


def morph_cards(run: Run) -> Iterator[MorphCard]:
    """Build the cards of the morphs that were made, in the order of the images."""
    images = {image.id: image for image in run.images}
    for number, morph in enumerate(_made(run), 1):
        yield build_morph_card(morph, images[morph.image], mode_of(run), f"card-{number}")


def _made(run: Run) -> list[Morph]:
    return [morph for morph in run.morphs if morph.status == "ok"]


def _banner(run: Run) -> MorphBanner:
    summary, complete = run.summary, run.status == "complete"
    n_made, n_all = summary["n_morphed"], summary["n_morphs"]
    flips = summary["flips"]
    explanation = "Every image was moved towards its target."
    if not complete:
        explanation = "The run is not whole: morphs or images are missing (listed below)."
    elif n_made < n_all or summary["n_ok"] < summary["n_images"]:
        explanation = "The run ended; what could not be moved is listed below with the reason."
    warning = None
    if run.model.weights_origin == "random":
        warning = (
            "Random weights. This network was never trained: every picture and number below "
            "describes an untrained network."
        )
    return MorphBanner(
        status="Complete" if complete else "Incomplete",
        complete=complete,
        explanation=f"{explanation} A morph shows; it does not pass or fail a network.",
        warning=warning,
        tiles=_tiles(summary, flips),
    )


def _tiles(summary: Mapping[str, object], flips: Mapping[str, object]) -> tuple[Fact, ...]:
    lens = flips["lens"]
    assert isinstance(lens, Mapping)
    tiles = [Fact("morphs", f"{summary['n_morphed']:,}")]
    if lens["of"]:
        tiles.append(Fact("reach the class by the lens", f"{lens['n']} of {lens['of']}"))
    both = summary["flipped_by_lens_and_pixel"]
    assert isinstance(both, Mapping)
    for edit, name in (("lens", "the lens"), ("pixel", "pixels")):
        if both["n"]:
            where = f"median flip L2 of {name} (n = {both['n']}, both flip)"
            tiles.append(Fact(where, distance_text(both[f"{edit}_l2_median"])))
    at = summary["at_first_flip"]
    assert isinstance(at, Mapping)
    for edit, name in (("lens", "the lens"), ("pixel", "the pixels")):
        row = at[edit]
        if row["judges_asked"]:
            agree = f"{row['judges_agree']} of {row['judges_asked']}"
            tiles.append(Fact(f"judges agree with {name} at the first flip", agree))
    for edit, name in (("lens", "the lens"), ("pixel", "the pixels")):
        if at[edit]["n"]:
            share = share_text(at[edit]["hf_share_median"])
            tiles.append(Fact(f"of the change of {name} above half Nyquist", share))
    return tuple(tiles)


def _settings(run: Run) -> str:
    """Say the settings in words."""
    config, mode = run.config, mode_of(run)
    parts = [
        f"Mode {MODES.get(mode, visible(mode))}",
        f"moved are {METHODS.get(str(config['method']), visible(config['method']))}",
        "of the brightness" if config["channels"] == "luma" else "of each channel",
        f"target: {visible(config['target'])}",
    ]
    if mode == "frozen":
        parts.append(f"amplifications {', '.join(f'{t:g}' for t in config['amplifications'])}")
    else:
        parts.append(f"{config['steps']} steps of at most {config['step_cap']:g} rad")
    cap = config["phase_cap"]
    if mode != "live":
        parts.append("no cap on a phase" if cap is None else f"phases capped at {cap:.3g} rad")
    judges = config["judges_used"]
    names = ", ".join(visible(name) for name in judges)
    parts.append(f"{plural(len(judges), 'judge')}{f' ({names})' if judges else ''}")
    return f"{'; '.join(parts)}."


def _row(morph: Morph, image: ImageAudit, anchor: str | None) -> MorphRow:
    names = (visible(morph.source.name), visible(morph.target.name))
    if morph.status != "ok":
        cells = (*names, morph.status, *[DASH] * 6)
        return _cells(anchor, image, cells)
    lens, flips = morph.tracks[0], flip_texts(morph.tracks)
    key = morph.key_frame or 0
    pixel = next((track for track in morph.tracks if track.edit == "pixel"), None)
    cells = (
        *names,
        "does not reach it" if lens.flip_l2 is None else "reaches it",
        flips["lens"],
        flips.get("pixel", DASH),
        probability_text(lens.driver.target_prob[order_of(lens)[-1]]),
        share_text(lens.hf_share[key]),
        DASH if pixel is None else share_text(pixel.hf_share[key]),
        judges_text(lens, key, morph.target.index),
    )
    return _cells(anchor, image, cells)


def _cells(anchor: str | None, image: ImageAudit, cells: Sequence[str]) -> MorphRow:
    kinds = [number for _, number in _COLUMNS[1:]]
    return MorphRow(anchor, visible(image.path), tuple(zip(cells, kinds, strict=True)))


def _problems(run: Run) -> list[Problem]:
    bad = [
        Problem(visible(one.path), one.status, visible(one.reason or "no reason was recorded"))
        for one in run.images
        if one.status != "ok"
    ]
    paths = {image.id: visible(image.path) for image in run.images}
    return bad + [
        Problem(
            f"{paths[one.image]} → {visible(one.target.name)}",
            one.status,
            visible(one.reason or "no reason was recorded"),
        )
        for one in run.morphs
        if one.status != "ok"
    ]


def _cards_note(run: Run, n_cards: int, n_made: int) -> str:
    if n_cards == n_made:
        return f"{plural(n_made, 'morph')}, in the order of the images."
    return (
        f"{n_cards:,} of {n_made:,} shown, the first ones, so that the report stays small enough "
        "to open. Numbers of all are in results.json; pictures are in the run folder."
    )


def build_morph_view(run: Run, limits: Limits, source: str) -> MorphView:
    """Turn a run of ``morph`` into the plain data of its report.

    Args:
        run: the record; the only source of numbers.
        limits: how much is shown; cards in the order of the images.
        source: the command line, for the record.
    """
    made, images = _made(run), {image.id: image for image in run.images}
    n_cards = min(limits.cards, len(made))
    anchors = {id(morph): f"card-{n}" for n, morph in enumerate(made[:n_cards], 1)}
    rows = [_row(one, images[one.image], anchors.get(id(one))) for one in run.morphs[: limits.rows]]
    problems = _problems(run)
    listed = problems[: limits.rows]
    tool = f"{run.tool.get('name', 'macoaudit')} {run.tool.get('version', '(version unknown)')}"
    cards = morph_cards(run)
    n_bad = len(problems)
    return MorphView(
        command=run.command,
        title=f"Morphs: {visible(run.model.name)}",
        subtitle=subtitle(run),
        tool=visible(tool),
        banner=_banner(run),
        caution=visible(run.summary["caution"]),
        totals=totals(run),
        heat=heat_table(
            run.summary["sensitivity_share_mean"],
            run.summary["wavelengths_px"],
            f"Sensitivity by scale and orientation, mean over {plural(len(made), 'morph')}",
        ),
        confusions=confusion_table(run, _PAIRS),
        audited=_audited(run),
        settings_sentence=_settings(run),
        texts=morph_texts(run),
        cards=tuple(next(cards) for _ in range(n_cards)),
        cards_note=_cards_note(run, n_cards, len(made)),
        columns=_COLUMNS,
        rows=tuple(
            tuple(rows[start : start + limits.chunk]) for start in range(0, len(rows), limits.chunk)
        ),
        rows_note=None
        if len(rows) == len(run.morphs)
        else f"{len(rows):,} of {len(run.morphs):,} lines shown.",
        problems=tuple(listed),
        problems_note="Every image could be used and moved."
        if not n_bad
        else f"{n_bad:,} without a result."
        + ("" if len(listed) == n_bad else f" {len(listed):,} listed; all in results.json."),
        skipped=tuple(Fact(visible(s.check), visible(s.reason)) for s in run.skipped),
        reproduce=reproduce(run),
        volatile=volatile(run, source),
    )


def _audited(run: Run) -> tuple[FactGroup, ...]:
    """The network, its input, the images."""
    network, given = network_facts(run)
    return (network, given, audited(run)[2])
