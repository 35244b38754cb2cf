"""The policy of an audit with the options of the command line, which beat it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from macoaudit.audit_config import MAX_IMAGES, AuditConfig, Places, extent, extent_settings
from macoaudit.cli.running import parse_share
from macoaudit.config import InvertConfig, ReportFormat, preset, require
from macoaudit.errors import UsageError
from macoaudit.gate import Policy, fail_on_of

_BUDGET = ("max_images", "max_minutes")


@dataclass(frozen=True)
class Options:
    """Options of the command line that a policy file can say too; None: not given."""

    images: Sequence[Path] | None = None
    """None given is as good as None."""
    model: str | None = None
    weights: str | None = None
    layer: str | None = None
    masks: Path | None = None
    references: Sequence[Path] | None = None
    neighbours: int | None = None
    seeds: int | None = None
    seed: int | None = None
    steps: int | None = None
    compat: str | None = None
    spectrum: Path | None = None
    judges: Sequence[str] | None = None
    offline: bool | None = None
    max_bad: str | None = None
    fail_on: str | None = None
    baseline: Path | None = None
    sarif_root: Path | None = None
    max_images: int | None = None
    max_minutes: float | None = None

    def given(self) -> dict[str, Any]:
        """Those that were given, as a policy holds them.

        Raises:
            UsageError: for a value that cannot be.
        """
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: _converted(name, value)
            for name, value in named.items()
            if value is not None and value != [] and value != ()
        }


def _converted(name: str, value: Any) -> Any:  # noqa: ANN401 - a value of any option
    if name in ("images", "references"):
        return tuple(str(path) for path in value)
    if name == "judges":
        return tuple(value)
    if name == "fail_on":
        return fail_on_of(value)
    if name == "compat":
        preset(value)  # refuses one that there is not
    if name == "max_bad":
        return parse_share(value)
    if name == "max_images":
        require(value >= 2, "--max-images", value, "use at least 2")
    if name == "max_minutes":
        fine = 0 < value < float("inf")
        require(fine, "--max-minutes", value, "use a number of minutes above 0")
    return str(value) if isinstance(value, Path) else value


def with_options(policy: Policy, options: Options, *, exit_zero: bool = False) -> Policy:
    """Put options in place of what the policy says; an option that was not given changes nothing.

    Args:
        policy: of a preset or a file.
        options: of the command line.
        exit_zero: ``--exit-zero``, which no file can say.

    Returns:
        The policy, with the names of what was replaced.

    Raises:
        UsageError: for a value that cannot be.
    """
    given = options.given()
    budget = {name: given.pop(name) for name in _BUDGET if name in given}
    names = [*given, *(f"budget.{name}" for name in budget)]
    return replace(
        policy,
        **given,
        budget=replace(policy.budget, **budget),
        exit_zero=exit_zero or policy.exit_zero,
        overrides=tuple(sorted(names)),
    )


def require_subject(policy: Policy, file: Path | None) -> str:
    """Give the network that is audited.

    Args:
        policy: with the options of the command line.
        file: that it was read from; None: a preset.

    Raises:
        UsageError: when neither the command line nor the policy names images and a network.
    """
    where = "in macoaudit.toml or another --policy file" if file is None else f"in {file}"
    if not policy.images:
        raise UsageError(f"IMAGES: none were given. Name files or a folder, or set images {where}")
    if policy.model is None:
        raise UsageError(f"--model: no network was given. Name one, or set model {where}")
    return policy.model


@dataclass(frozen=True)
class Call:
    """What the command line alone decides: the machine, the folder, what is written."""

    out: Path
    device: str
    precision: Literal["fp32", "bf16"]
    batch_size: int | None
    """None: as many as are usual on the device."""
    formats: tuple[ReportFormat, ...]
    resume: bool
    allow_pickle: bool


def audit_config(policy: Policy, network: str, call: Call, places: Places | None) -> AuditConfig:
    """Put the settings of an audit together.

    Args:
        policy: with the options of the command line.
        network: that is audited.
        call: what no policy decides.
        places: where images and policy lie in their repository; None where there is none.

    Raises:
        UsageError: for a setting that cannot be.
    """
    chosen = extent(policy.preset)
    compat = policy.compat or "macoaudit"
    inversion_maco, drawing_maco = extent_settings(chosen, compat=compat, steps=policy.steps)
    usual = InvertConfig(images=(), model=network, out=call.out)
    return AuditConfig(
        inversion=InvertConfig(
            images=tuple(Path(path) for path in policy.images),
            model=network,
            out=call.out,
            weights=policy.weights,
            layer=policy.layer or usual.layer,
            device=call.device,
            precision=call.precision,
            maco=inversion_maco,
            spectrum=None if policy.spectrum is None else Path(policy.spectrum),
            n_seeds=chosen.n_seeds if policy.seeds is None else policy.seeds,
            seed=policy.seed or 0,
            batch_size=call.batch_size or (8 if call.device == "cpu" else 32),
            trust=chosen.trust,
            judges=policy.judges,
            references=tuple(Path(path) for path in policy.references),
            plausibility_k=_or(policy.neighbours, usual.plausibility_k),
            formats=call.formats,
            resume=call.resume,
            allow_pickle=call.allow_pickle,
            offline=policy.offline is True,
            max_bad_frac=usual.max_bad_frac if policy.max_bad is None else policy.max_bad,
        ),
        extent=chosen,
        drawing=drawing_maco,
        masks=None if policy.masks is None else Path(policy.masks),
        max_images=policy.budget.max_images or MAX_IMAGES,
        places=places,
    )


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value
