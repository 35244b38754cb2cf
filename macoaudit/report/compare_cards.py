"""One image of a comparison to its card: its pictures in both runs and what came back of it."""

from collections.abc import Mapping, Sequence

from macoaudit.comparing import AttributePair, ImagePair
from macoaudit.comparing.records import Letter
from macoaudit.report.compare_records import AttributeRow, PairCard, PairPicture
from macoaudit.report.compare_words import arrow, delta_bar, difference_text, moved
from macoaudit.report.retention import attribute_name, interval_text, ordered
from macoaudit.report.words import (
    DASH,
    VERDICT_WORDS,
    class_text,
    fraction_text,
    plural,
    same_class_text,
    share_text,
    similarity_text,
    visible,
)
from macoaudit.results import ImageAudit, Inversion, Retained, Retention, Run

_MAX_NAMED = 4
Images = Mapping[str, ImageAudit]
"""The images of a run by their ids."""


def images_of(run: Run) -> Images:
    """Put the images of a run under their ids."""
    return {image.id: image for image in run.images}


def title_of(pair: ImagePair) -> str:
    """Name an image; a renamed one by both names."""
    if pair.a.path == pair.b.path:
        return visible(pair.a.path)
    return f"{visible(pair.a.path)} (A), {visible(pair.b.path)} (B)"


def label_of(pair: ImagePair) -> str | None:
    """Give the label of an image, both where they differ; None without one."""
    labels = [None if one is None else visible(one) for one in (pair.a.label, pair.b.label)]
    if labels[0] == labels[1]:
        return labels[0]
    return f"{labels[0] or 'none'} (A), {labels[1] or 'none'} (B)"


def build_pair_card(
    pair: ImagePair, first: Images, second: Images, anchor: str, reach: float
) -> PairCard:
    """Turn an image's pair into its card.

    Args:
        pair: the record.
        first: images of A by id.
        second: images of B by id.
        anchor: id of the card in the document.
        reach: difference of similarity that fills the bar.
    """
    a, b = first[pair.a.id], second[pair.b.id]
    values = arrow(similarity_text(pair.a.similarity), similarity_text(pair.b.similarity))
    return PairCard(
        anchor=anchor,
        title=title_of(pair),
        label=label_of(pair),
        values=values,
        word=moved(pair.difference),
        bar=delta_bar(pair.difference, reach),
        sentences=tuple(_sentences(pair)),
        warning=_warning(pair),
        pictures=tuple(_pictures(pair, a, b)),
        attributes=attribute_rows(pair.attributes),
        not_measured=tuple(_not_measured(pair.attributes)),
    )


def _warning(pair: ImagePair) -> str | None:
    if pair.same_content is False:
        return "The two files have one name and other content: these are two images."
    return None


def _sentences(pair: ImagePair) -> list[str]:
    found = []
    if pair.why_not is not None:
        found.append(f"Similarity is not compared: {visible(pair.why_not)}.")
    if pair.prediction_changed is not None:
        told = "Predicted class CHANGED" if pair.prediction_changed else "Same predicted class"
        a, b = class_text(pair.a.prediction), class_text(pair.b.prediction)
        found.append(f"{told}: {arrow(a, b)}.")
    known = [one for one in pair.attributes if one.changed is not None]
    if known:
        changed = {one.name: one for one in known if one.changed}
        named = [_changed(changed[name]) for name in ordered(changed)]
        told = f"{len(changed)} of {plural(len(known), 'verdict')} on retention changed"
        if named:
            more = len(named) - _MAX_NAMED
            told += f": {'; '.join(named[:_MAX_NAMED])}" + (f"; {more} more" if more > 0 else "")
        found.append(f"{told}.")
    return found


def _changed(one: AttributePair) -> str:
    return f"{attribute_name(one.name)} {arrow(_word(one.verdict_a), _word(one.verdict_b))}"


def _word(verdict: str | None) -> str:
    return DASH if verdict is None else VERDICT_WORDS[verdict]  # type: ignore[index]


def _seed(a: Sequence[Inversion], b: Sequence[Inversion]) -> int | None:
    """The first seed that both have, so that nothing but the runs differs."""
    both = {one.seed for one in a} & {one.seed for one in b}
    return min(both, default=None)


def _shown(image: ImageAudit, seed: int | None) -> Inversion | None:
    fits = [one for one in image.inversions if seed is None or one.seed == seed]
    return min(fits, key=lambda one: one.seed, default=None)


def _pictures(pair: ImagePair, a: ImageAudit, b: ImageAudit) -> list[PairPicture]:
    seed = _seed(a.inversions, b.inversions)
    sides: tuple[tuple[Letter, ImageAudit], ...] = (("A", a), ("B", b))
    found = []
    references = [(letter, one) for letter, one in sides if "reference" in one.files]
    for letter, one in references if pair.same_content is False else references[:1]:
        which = f" in {letter}" if pair.same_content is False else ""
        name = visible(one.path)
        found.append(
            PairPicture(
                letter, one.files["reference"], f"Reference{which}", f"Reference {name}{which}"
            )
        )
    for letter, one in sides:
        shown = _shown(one, seed)
        if shown is not None:
            found.append(_inversion(letter, one, shown))
    found += [_map(letter, one) for letter, one in sides if isinstance(one.retention, Retention)]
    return found


def _inversion(letter: Letter, image: ImageAudit, one: Inversion) -> PairPicture:
    value, name = similarity_text(one.similarity), visible(image.path)
    same = same_class_text(image.prediction, one.prediction)
    told = "" if same == DASH else f", {same}"
    return PairPicture(
        letter,
        one.files["image"],
        f"{letter}: inversion, seed {one.seed}: {value}{told}",
        f"Inversion of {name} in {letter}, seed {one.seed}: similarity {value}{told}",
    )


def _map(letter: Letter, image: ImageAudit) -> PairPicture:
    if not isinstance(image.retention, Retention):
        raise AssertionError("only a measured image has a map")
    share = share_text(image.retention.retained_frac)
    return PairPicture(
        letter,
        image.retention.map,
        f"{letter}: retained map, {share} kept",
        f"Map of what the inversions of {visible(image.path)} retain in {letter}: {share} kept",
    )


def attribute_rows(attributes: Sequence[AttributePair]) -> tuple[AttributeRow, ...]:
    """Turn the attributes of an image into lines, in the order of every report."""
    by_name = {one.name: one for one in attributes}
    return tuple(_attribute_row(by_name[name]) for name in ordered(by_name))


def _not_measured(attributes: Sequence[AttributePair]) -> list[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in attributes:
        for letter, reason in (("A", one.reason_a), ("B", one.reason_b)):
            if reason is not None:
                reasons.setdefault((letter, reason), []).append(one.name)
    return [
        f"Not measured in {letter}: {_names(names, len(attributes))} ({visible(reason)})."
        for (letter, reason), names in reasons.items()
    ]


def _names(names: Sequence[str], total: int) -> str:
    if len(names) == total > 1:
        return "all attributes"
    return ", ".join(attribute_name(name) for name in ordered(names))


def _values(one: Retained | None) -> tuple[str, str]:
    if one is None:
        return DASH, DASH
    return fraction_text(one.value), interval_text(one.low, one.high)


def _attribute_row(one: AttributePair) -> AttributeRow:
    value_a, interval_a = _values(one.a)
    value_b, interval_b = _values(one.b)
    return AttributeRow(
        name=attribute_name(one.name),
        word_a=_word(one.verdict_a),
        value_a=value_a,
        interval_a=interval_a,
        word_b=_word(one.verdict_b),
        value_b=value_b,
        interval_b=interval_b,
        difference=difference_text(one.difference, 2),
        bar=delta_bar(one.difference, 1.0),
        verdict=DASH if one.changed is None else "changed" if one.changed else "same",
        changed=bool(one.changed),
    )
