"""Everything that a run did not check, wherever its record is."""

from dataclasses import replace
from pathlib import Path

from measured import depth, plausibility, retention, trust
from report.runs import make_run

from macoaudit.results import Skipped, TrustCheck, skipped_checks
from macoaudit.store import results_from_bytes, results_text


def test_every_place_of_a_record_is_looked_at(tmp_path: Path):
    run = make_run(tmp_path, 2)
    bare = Skipped("plausibility", "too few")
    first = replace(
        run.images[0],
        plausibility=bare,
        retention=replace(retention(), faithfulness=Skipped("faithfulness", "no fill")),
        depth=(replace(depth()[0], attributes={"color": Skipped("color", "grey")}),),
        skipped=(Skipped("exemplars", "none"),),
    )
    second = replace(run.images[1], plausibility=bare, retention=None, skipped=())
    reasonless = TrustCheck("seeds", "skipped", None, None, None, 0)
    run = replace(
        run,
        images=(first, second),
        skipped=(Skipped("transfer", "turned off"),),
        trust=(*trust(), reasonless),
    )
    top5 = Skipped("top5", "the network has fewer than six classes")
    assert dict(skipped_checks(run)) == {
        bare: 2,
        top5: 1,  # of the retention; the depth profile's was replaced
        Skipped("faithfulness", "no fill"): 1,
        Skipped("color", "grey"): 1,
        Skipped("exemplars", "none"): 1,
        Skipped("transfer", "turned off"): 1,
        Skipped("layer path", "no two images share a class"): 1,
        Skipped("seeds", "no reason is recorded"): 1,
    }


def test_nothing_skipped(tmp_path: Path):
    run = make_run(tmp_path, 1)
    image = replace(
        run.images[0],
        plausibility=plausibility(),
        retention=replace(retention(), attributes={}),
        skipped=(),
    )
    assert not skipped_checks(replace(run, images=(image,), skipped=(), trust=()))


def test_the_order_is_that_of_the_file(tmp_path: Path):
    """A record in memory and the same one read back give reports of the same bytes."""
    run = make_run(tmp_path, 1)
    attributes = {name: Skipped(name, "grey") for name in ("orientation", "color", "layout")}
    image = replace(run.images[0], retention=replace(retention(), attributes=attributes))
    run = replace(run, images=(image,))
    again = results_from_bytes(results_text(run).encode(), tmp_path / "results.json")
    assert list(skipped_checks(again)) == list(skipped_checks(run))
