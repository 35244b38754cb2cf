"""Which networks judge a run: the named ones or the default ones, each loaded or skipped."""

from collections.abc import Sequence
from dataclasses import dataclass

from macoaudit.audit import comparable_judge
from macoaudit.config import InvertConfig
from macoaudit.drawing_config import VisualizeConfig
from macoaudit.errors import LayerError, ModelError, UnreachableError
from macoaudit.models import (
    IMAGENET_JUDGES,
    PACKAGED,
    PENULTIMATE,
    REMEDIES,
    LoadedModel,
    hub_reachable,
    imagenet_names,
    load_model,
    resolve_layer,
)
from macoaudit.results import Skipped

NO_JUDGES = "none"
"""In place of a judge's name: no judges at all."""


@dataclass(frozen=True)
class Judges:
    """The judges of a run."""

    same_classes: tuple[LoadedModel, ...]
    """Those with the audited network's classes: compared class by class."""
    other_classes: tuple[LoadedModel, ...]
    """Loaded too, but with other classes or none: only class folders' prototypes can be ranked."""
    not_by_class: tuple[Skipped, ...]
    """Why those of ``other_classes`` are not compared class by class, in their order."""
    skipped: tuple[Skipped, ...]
    """Judges that are not there, and why."""


@dataclass(frozen=True)
class FeatureSpace:
    """The network and layer in which images are compared."""

    name: str
    """For the record; says so where it is the audited network's own."""
    model: LoadedModel
    layer: str


def load_judges(config: InvertConfig | VisualizeConfig, model: LoadedModel) -> Judges:
    """Load the judges of a run; one that cannot be had or used is a skipped check.

    Args:
        config: settings of the run.
        model: the audited network.
    """
    names = _names(config, model)
    if isinstance(names, Skipped):
        return Judges((), (), (), (names,))
    loader = _Loader(config)
    same, other, not_by_class, skipped = [], [], [], []
    for name in names:
        try:
            judge = loader.load(name)
        except ModelError as error:
            skipped.append(_skipped(name, _plain(name, error)))
            continue
        reason = _unusable(model, judge)
        if reason is not None:
            skipped.append(_skipped(name, reason))
            continue
        reason = comparable_judge(model, judge)
        if reason is None:
            same.append(judge)
        else:
            other.append(judge)
            not_by_class.append(Skipped("transfer", f"judge {reason}"))
    return Judges(tuple(same), tuple(other), tuple(not_by_class), tuple(skipped))


def feature_space(model: LoadedModel, judges: Sequence[LoadedModel]) -> FeatureSpace | Skipped:
    """Choose the space for comparing inversions with natural images.

    The first judge's penultimate layer, because the inversions were not optimised for it; without
    a judge the audited network's own, and the name says so.

    Args:
        model: the audited network.
        judges: every loaded judge, whatever its classes.

    Returns:
        The space, or why there is none.
    """
    for candidate in (*judges, model):
        try:
            resolve_layer(candidate, PENULTIMATE)
        except LayerError:
            continue
        own = ", the audited network's own" if candidate is model else ""
        return FeatureSpace(f"{candidate.name} {PENULTIMATE}{own}", candidate, PENULTIMATE)
    return Skipped(
        "plausibility",
        f"neither a judge nor {model.name} has a {PENULTIMATE} layer to compare images in; name a "
        "judge with --judge",
    )


def _names(config: InvertConfig | VisualizeConfig, model: LoadedModel) -> tuple[str, ...] | Skipped:
    """Give the judges' names, or say why there are none."""
    if config.judges == (NO_JUDGES,):
        return Skipped("transfer", "turned off with --judge none")
    if config.judges:
        return config.judges
    if model.weights_origin == "random":
        return Skipped(
            "transfer",
            "random weights have no classes that the default judges could look for; name judges "
            "with --judge",
        )
    if config.model in PACKAGED:
        return tuple(name for name in PACKAGED if name != config.model)
    # The names are looked up only where the number fits, because that imports timm.
    if model.num_classes == 1000 and model.labels == imagenet_names():
        return IMAGENET_JUDGES
    return Skipped(
        "transfer",
        f"the classes of {model.name} ({model.num_classes}) are not those of ImageNet-1k, for "
        "which there are default judges; name judges with --judge",
    )


class _Loader:
    """Loads judges, from the cache where they are there; asks once whether there is a network."""

    def __init__(self, config: InvertConfig | VisualizeConfig) -> None:
        self._config = config
        self._network: bool | None = False if config.offline else None

    def load(self, name: str) -> LoadedModel:
        """Load one judge.

        Raises:
            ModelError: when it cannot be had.
        """
        if name in PACKAGED or name.endswith(".toml"):
            return self._load(name, offline=self._config.offline)
        try:
            # First the cache alone: with a network that saves a request for each judge, without
            # one the client's waits, which are over 20 s for each.
            return self._load(name, offline=True)
        except UnreachableError:
            if not self._has_network():
                raise
        try:
            return self._load(name, offline=False)
        except UnreachableError:
            self._network = False
            raise

    def _has_network(self) -> bool:
        if self._network is None:
            self._network = hub_reachable()
        return self._network

    def _load(self, name: str, *, offline: bool) -> LoadedModel:
        config = self._config
        return load_model(
            name, device=config.device, allow_pickle=config.allow_pickle, offline=offline
        )


def _skipped(name: str, reason: str) -> Skipped:
    return Skipped("transfer", f"judge {name}: {reason}")


def _plain(name: str, error: ModelError) -> str:
    """Reword an error about ``--model`` as a reason for a judge that is not there."""
    if isinstance(error, UnreachableError):
        return (
            "its weights are not in the cache and cannot be downloaded without a network. Start "
            "once with one, or name a card with --judge CARD.toml"
        )
    text = str(error).removesuffix(REMEDIES).strip()
    return text.removeprefix(f"--model {name}: ").replace("--model", "--judge")


def _unusable(model: LoadedModel, judge: LoadedModel) -> str | None:
    """Say why a loaded network cannot judge this one, or None when it can."""
    if (judge.architecture, judge.weights_sha256) == (model.architecture, model.weights_sha256):
        return f"is {model.name} itself; a judge must be a network that took no part"
    channels, wanted = judge.preprocessing.channels, model.preprocessing.channels
    if channels != wanted:
        return f"takes images of {channels} channels, those of {model.name} have {wanted}"
    return None
