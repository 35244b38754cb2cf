"""What is asked of the network: targets, and objectives from activations to one score per view.

Every objective scores each member by itself: changing a batch mate never moves another's score.
"""

from macoaudit.targets.accent import AccentObjective, typical_size
from macoaudit.targets.objective import (
    Activations,
    InversionObjective,
    Objective,
    Scores,
    checked_goal,
    cosine,
    without_direction,
)
from macoaudit.targets.parsing import (
    parse_channels,
    parse_directions,
    parse_heads,
    parse_logits,
    parse_neurons,
    parse_sum,
    parse_tokens,
)
from macoaudit.targets.scoring import (
    FEWEST_CLASSES,
    Slots,
    TargetObjective,
    check_sum,
    make_slots,
    standard_score,
)
from macoaudit.targets.target import Target, Term, WeightedSum, as_sum

__all__ = [
    "FEWEST_CLASSES",
    "AccentObjective",
    "Activations",
    "InversionObjective",
    "Objective",
    "Scores",
    "Slots",
    "Target",
    "TargetObjective",
    "Term",
    "WeightedSum",
    "as_sum",
    "check_sum",
    "checked_goal",
    "cosine",
    "make_slots",
    "parse_channels",
    "parse_directions",
    "parse_heads",
    "parse_logits",
    "parse_neurons",
    "parse_sum",
    "parse_tokens",
    "standard_score",
    "typical_size",
    "without_direction",
]
