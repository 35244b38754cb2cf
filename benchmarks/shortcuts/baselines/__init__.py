"""What else finds shortcuts: published baselines, run on the same networks and pictures.

Each is ``baseline(model, image_01, classes, generator) -> BaselineResult``: pictures (n, 3, height,
width) in 0..1, the class of each (n,), at least four of every class. Settings are those of the
sources, as each module states, and were not fitted to networks of the grid. On one core all of them
take about 6 s for 8 classes of 24 pictures of 48 x 48 px, most of it by Neural Cleanse.

Seed the generator from something of the network's own, such as its key. The seed of its entry will
not do: planted classes go with it, so that `by_chance` would rank them alike in all networks.
"""

from collections.abc import Mapping

from benchmarks.shortcuts.baselines.chance import by_chance
from benchmarks.shortcuts.baselines.gradcam import by_gradcam
from benchmarks.shortcuts.baselines.neural_cleanse import by_triggers
from benchmarks.shortcuts.baselines.property_score import by_properties
from benchmarks.shortcuts.baselines.result import Baseline, BaselineResult
from benchmarks.shortcuts.baselines.spray import by_clusters

BASELINES: Mapping[str, Baseline] = {
    "spray": by_clusters,
    "property": by_properties,
    "grad-cam": by_gradcam,
    "neural cleanse": by_triggers,
    "chance": by_chance,
}

__all__ = ["BASELINES", "Baseline", "BaselineResult"]
