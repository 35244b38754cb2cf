"""All measures of the pictures of several methods, from pixels, own features and judges."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from macoaudit.methods.comparing import (
    Builder,
    Group,
    Interval,
    by_library,
    compare,
    of_curve,
    of_mean,
    of_median,
    of_set,
)
from macoaudit.methods.distances import SET_DISTANCES
from macoaudit.methods.natural import (
    natural_floor,
    natural_percentile,
    nearest_in_class,
    yardstick,
)
from macoaudit.methods.pictures import Pictures
from macoaudit.methods.records import Better, Measure, SpectrumCurves, Who
from macoaudit.methods.spaces import Eye, Seen
from macoaudit.methods.spectra import Spectra, Window, centres, spectra_of
from macoaudit.natural import Bank, sound
from macoaudit.results import Skipped

_BY_CLASS = "to natural images of the same class"
_TO_ALL = "to all natural images, whatever their class"


@dataclass
class Scores:
    """Measures as they are made."""

    groups: tuple[Group, ...]
    natural: Pictures
    by_class: bool
    n_resamples: int
    measures: list[Measure] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    ranks: dict[str, list[Tensor]] = field(default_factory=dict)
    """Rank of each picture's class by network, one tensor a method."""
    natural_ranks: dict[str, Tensor] = field(default_factory=dict)

    def see(self, eye: Eye, seen: Sequence[Seen], natural: Seen) -> None:
        """Add what one network says: plausibility in two forms, distances of sets, ranks."""
        self._paper(eye, seen, natural)
        if natural.last is not None:
            last = [one.last for one in seen if one.last is not None]
            self._percentile(eye, last, natural.last)
            who: Who = "audited" if eye.own else "judge"
            self.sets(f"{eye.name} penultimate", who, last, natural.last)
        self._ranks(eye, seen, natural)

    def _paper(self, eye: Eye, seen: Sequence[Seen], natural: Seen) -> None:
        if not eye.layers:
            self.skipped.append(Skipped("plausibility", f"{eye.name} has no blocks to look at"))
            return
        kinds = [one.layers for one in seen]
        if not all(
            bool(torch.isfinite(part).all()) for one in (*kinds, natural.layers) for part in one
        ):
            self.skipped.append(Skipped("plausibility", f"{eye.name}: an activation is not finite"))
            return
        classes = self.natural.classes
        total = [torch.zeros(len(group.classes)) for group in self.groups]
        chosen = yardstick(len(classes))
        own = torch.zeros(len(chosen))
        for depth, bank in enumerate(natural.layers):
            for group, one, sums in zip(self.groups, kinds, total, strict=True):
                sums += nearest_in_class(
                    one[depth], group.classes, bank, classes, by_class=self.by_class
                ) / len(eye.layers)
            own += nearest_in_class(
                bank[chosen],
                [classes[place] for place in chosen],
                bank,
                classes,
                by_class=self.by_class,
                same=chosen,
            ) / len(eye.layers)
        finite = own[torch.isfinite(own)]
        self._add(
            "plausibility_paper",
            "Deep-KNN distance (k = 1)",
            "audited" if eye.own else "judge",
            f"{eye.name} {', '.join(eye.layers)}",
            "lower",
            {g.name: of_mean(g, values) for g, values in zip(self.groups, total, strict=True)},
            natural=float(finite.mean()) if len(finite) else None,
            natural_note=f"natural images, each {_BY_CLASS if self.by_class else _TO_ALL}, itself "
            "left out",
        )

    def _percentile(self, eye: Eye, last: Sequence[Tensor], natural: Tensor) -> None:
        good = natural[sound(natural)]
        if not all(bool(sound(one).all()) for one in last) or len(good) < 4:
            reason = f"{eye.name}: a feature vector says nothing (not finite, or one number)"
            self.skipped.append(Skipped("plausibility percentile", reason))
            return
        bank = Bank.of(good, 1)
        self._add(
            "plausibility_percentile",
            "Percentile among natural images",
            "audited" if eye.own else "judge",
            f"{eye.name} penultimate, unit length",
            "higher",
            {
                g.name: of_mean(g, bank.percentile(one)[1])
                for g, one in zip(self.groups, last, strict=True)
            },
            natural=natural_percentile(bank),
            natural_note="natural images, each left out in turn; near 0.5 by construction",
        )

    def sets(self, space: str, who: Who, last: Sequence[Tensor], natural: Tensor) -> None:
        """Add the distances of sets in one feature space."""
        if not all(bool(torch.isfinite(one).all()) for one in (*last, natural)):
            self.skipped.append(Skipped("distances of sets", f"{space}: a feature is not finite"))
            return
        if min(len(one) for one in last) < 2:
            self.skipped.append(
                Skipped("distances of sets", "a method has fewer than two pictures")
            )
            return
        for name, distance in SET_DISTANCES.items():
            floor = natural_floor(name, natural, min(len(one) for one in last))
            builders = {
                g.name: of_set(g, one, natural, distance)
                for g, one in zip(self.groups, last, strict=True)
            }
            measure = self._add(
                name,
                name,
                who,
                space,
                "lower",
                builders,
                interval="bootstrap normal" if name == "FID" else "bootstrap percentiles",
                natural=floor.mean,
                natural_note=f"{floor.n_part} random natural images against the rest, mean of "
                f"{floor.n_splits} splits",
            )
            if name == "FID":
                measure = by_library(measure, last, natural, self.groups)
            self.measures[-1] = replace(measure, floor=floor)

    def _ranks(self, eye: Eye, seen: Sequence[Seen], natural: Seen) -> None:
        if not all(bool(torch.isfinite(one.logits).all()) for one in (*seen, natural)):
            self.skipped.append(Skipped("transfer", f"{eye.name}: its output is not finite"))
            return
        ranks = [
            ranks_of(one.logits, group.classes)
            for group, one in zip(self.groups, seen, strict=True)
        ]
        known = [place for place, index in enumerate(self.natural.classes) if index is not None]
        wanted = [index for index in self.natural.classes if index is not None]
        self.ranks[eye.name] = ranks
        self.natural_ranks[eye.name] = ranks_of(natural.logits[known], wanted)
        self._transfer(
            "audited" if eye.own else "judge", eye.name, ranks, self.natural_ranks[eye.name]
        )

    def judges_together(self, names: Sequence[str]) -> None:
        """Add the mean transfer over judges."""
        names = [name for name in names if name in self.ranks]
        if len(names) < 2:
            return
        ranks = [torch.stack(rows, 1) for rows in zip(*(self.ranks[n] for n in names), strict=True)]
        natural = torch.stack([self.natural_ranks[name] for name in names], 1)
        self._transfer("judges", f"mean of {len(names)} judges", ranks, natural)

    def _transfer(self, who: Who, space: str, ranks: Sequence[Tensor], natural: Tensor) -> None:
        def share(rows: Tensor, top: int) -> Tensor:
            return (rows <= top).to(torch.float64).reshape(len(rows), -1).mean(1)

        note = f"{len(natural)} natural images whose class is known"
        if not len(natural):
            note = "no class of a natural image is known"
        for key, top in (("top1", 1), ("top5", 5)):
            self._add(
                key,
                f"Top-{top} answers that are the class",
                who,
                space,
                "higher",
                {
                    g.name: of_mean(g, share(r, top))
                    for g, r in zip(self.groups, ranks, strict=True)
                },
                interval="wilson",
                ratio=key == "top1",
                natural=float(share(natural, top).mean()) if len(natural) else None,
                natural_note=note,
            )
        if who != "judges":
            self._add(
                "median_rank",
                "Median rank of the class",
                who,
                space,
                "lower",
                {g.name: of_median(g, r.double()) for g, r in zip(self.groups, ranks, strict=True)},
                natural=float(natural.double().quantile(0.5)) if len(natural) else None,
                natural_note=note,
            )

    def _template(self, found: Sequence[Spectra], share: float, words: str) -> None:
        """Add the share of fine detail against what a magnitude spectrum prescribes."""
        self._add(
            "high_frequency_template",
            "High-frequency energy against the natural magnitude, %",
            "pixels",
            f"0.25 cycles a pixel or more, {words}",
            "near 0",
            {
                g.name: of_curve(
                    g, one.high_frac[:, None], lambda rows: 100 * (rows[:, 0] / share - 1)
                )
                for g, one in zip(self.groups, found, strict=True)
            },
            natural=None,
            natural_note=f"the yardstick: {100 * share:.2f} % of its energy",
        )

    def spectrum(
        self,
        sets: Sequence[Pictures],
        window: Window,
        template: tuple[float, str] | None = None,
    ) -> SpectrumCurves:
        """Add the share of fine detail and the distance of the mean spectra; return the curves.

        Args:
            sets: pictures.
            window: on the pictures' borders.
            template: share of fine detail that a magnitude spectrum prescribes
                (:func:`macoaudit.methods.spectra.template_share`), and what that spectrum is.
        """
        natural = spectra_of(self.natural, window)
        found = [spectra_of(pictures, window) for pictures in sets]
        if template is not None:
            self._template(found, *template)
        share, curve = natural.high_frac.mean(), natural.radial.mean(0)
        used = curve > 0
        words = "as they are" if window == "none" else "borders faded out (Hann)"

        def off(rows: Tensor) -> Tensor:
            ratio = rows[:, used].clamp_min(1e-300) / curve[used]
            return (10 * ratio.log10()).square().mean(1).sqrt()

        def relative(rows: Tensor) -> Tensor:
            return 100 * (rows[:, 0] / share - 1)

        self._add(
            f"high_frequency_{window}",
            "High-frequency energy against natural, %",
            "pixels",
            f"0.25 cycles a pixel or more, {words}",
            "near 0",
            {
                g.name: of_curve(g, one.high_frac[:, None], relative)
                for g, one in zip(self.groups, found, strict=True)
            },
            natural=0.0,
            natural_note=f"the yardstick: {100 * float(share):.2f} % of their energy",
        )
        self._add(
            f"spectrum_db_{window}",
            "Distance of mean spectra, dB",
            "pixels",
            f"root mean square over rings to 0.5 cycles a pixel, {words}",
            "lower",
            {
                g.name: of_curve(g, one.radial, off)
                for g, one in zip(self.groups, found, strict=True)
            },
            natural=0.0,
            natural_note="the yardstick",
        )
        curves = {
            g.name: g.by_class(one.radial, g.units).mean(0)
            for g, one in zip(self.groups, found, strict=True)
        }
        logs = {
            name: tuple(float(v.log10()) if float(v) > 0 else None for v in values)
            for name, values in {**curves, "natural": curve}.items()
        }
        return SpectrumCurves(tuple(centres().tolist()), logs, window)

    def _add(
        self,
        key: str,
        name: str,
        who: Who,
        space: str,
        better: Better,
        builders: dict[str, Builder],
        *,
        natural: float | None,
        natural_note: str,
        interval: Interval = "bootstrap percentiles",
        ratio: bool = False,
    ) -> Measure:
        methods, versus = compare(self.groups, builders, self.n_resamples, interval, ratio=ratio)
        measure = Measure(
            key, name, who, space, better, interval, natural, natural_note, methods, versus
        )
        self.measures.append(measure)
        return measure


def ranks_of(logits: Tensor, classes: Sequence[int]) -> Tensor:
    """Rank of each row's class, 1 is first: one more than the classes with a larger logit."""
    wanted = torch.tensor(classes, dtype=torch.int64)
    own = logits.gather(1, wanted[:, None])
    return 1 + (logits > own).sum(1)
