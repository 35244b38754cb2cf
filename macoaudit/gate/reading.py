"""Reading a policy: a preset, or a TOML file that holds values and nothing else."""

import datetime
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from macoaudit.audit_config import EXTENTS, ExtentName
from macoaudit.config import Preset
from macoaudit.errors import UsageError
from macoaudit.gate.policy import SCHEMA_VERSION, Budget, Policy, RulePolicy, SetAside
from macoaudit.gate.rules import RULES, Rule
from macoaudit.gate.tables import Table, nearest
from macoaudit.results import FailOn, Severity

DEFAULT_FILE = "macoaudit.toml"
LONGEST_DAYS = 366
"""Of a suppression: what nobody looked at for a year is looked at again."""
_MOST_BYTES = 1 << 20
_KEYS = (
    "schema_version",
    "preset",
    "model",
    "weights",
    "layer",
    "images",
    "masks",
    "references",
    "neighbours",
    "seeds",
    "seed",
    "steps",
    "compat",
    "spectrum",
    "judges",
    "offline",
    "max_bad",
    "fail_on",
    "baseline",
    "sarif_root",
    "budget",
    "rules",
    "suppressions",
)
_BUDGET_KEYS = ("max_minutes", "max_images")
# What a change to a file must not decide in silence, or what is the machine's or the call's.
_OPTIONS = (
    "exit_zero",
    "allow_pickle",
    "device",
    "precision",
    "batch_size",
    "format",
    "out",
    "resume",
    "quiet",
    "verbose",
)
_ELSEWHERE = {
    **{
        name: f"it is an option of the command line only, --{name.replace('_', '-')}"
        for name in _OPTIONS
    },
    **dict.fromkeys(_BUDGET_KEYS, "write it below [budget]"),
}
_SUPPRESSION_KEYS = ("fingerprint", "reason", "owner", "expires")


def find_policy(
    given: str | None, folder: Path, today: datetime.date
) -> tuple[Policy, Path | None]:
    """Find the policy of an audit.

    Args:
        given: a preset's name or a file, as ``--policy`` has it; None: not given.
        folder: where ``macoaudit.toml`` is looked for when nothing was given.
        today: suppressions are checked against it.

    Returns:
        The policy, and the file that it was read from; None for a preset.

    Raises:
        UsageError: when there is no such preset or file, or the file cannot be used.
    """
    for name in EXTENTS:
        if given == name:
            return Policy(name=name, preset=name), None
    if given is not None:
        path = Path(given)
        if not path.exists():
            raise UsageError(
                f"--policy is {given!r}, which is neither a file nor a preset. "
                f"{nearest(given, EXTENTS)}Use {', '.join(EXTENTS)} or a TOML file"
            )
        return read_policy(path, today), path
    found = folder / DEFAULT_FILE
    return (read_policy(found, today), found) if found.is_file() else (Policy(), None)


def fail_on_of(name: str) -> FailOn:
    """Parse ``--fail-on``.

    Raises:
        UsageError: when there is no such choice.
    """
    allowed: tuple[FailOn, ...] = get_args(FailOn)
    for choice in allowed:
        if choice == name:
            return choice
    raise UsageError(f"--fail-on is {name!r}; use {', '.join(allowed)}")


def read_policy(path: Path, today: datetime.date) -> Policy:
    """Read a policy file and check all of it.

    Args:
        path: the file. Paths in it are relative to its folder.
        today: no suppression may expire more than a year from then.

    Raises:
        UsageError: when it cannot be read, is no TOML, has another schema version, an unknown key,
            or a value that cannot be.
    """
    content = _content(path)
    top = Table(str(path), "", _document(path, content))
    _require_version(top)
    top.only(_KEYS, _ELSEWHERE)
    folder = path.parent
    model = top.text("model", 'the name of a network or a card, such as "vit_base" or "card.toml"')
    weights = top.text("weights", 'a safetensors file, or "random"')
    judges = top.texts("judges", 'names of networks, or ["none"]')
    return Policy(
        name=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        preset=cast(ExtentName, top.choice("preset", EXTENTS) or "quick"),
        model=None if model is None else _network(model, folder),
        weights=str(folder / weights) if weights not in (None, "random") else weights,
        layer=top.text("layer", "the name of a layer; 'macoaudit models M' lists them"),
        images=_paths(top, "images", 'paths, such as ["photos"]', folder),
        masks=_path(top, "masks", "the folder of object masks", folder),
        references=_paths(top, "references", 'paths of natural images, such as ["nature"]', folder),
        neighbours=top.whole("neighbours", 1),
        seeds=top.whole("seeds", 1),
        seed=top.whole("seed", 0),
        steps=top.whole("steps", 1),
        compat=cast(Preset | None, top.choice("compat", get_args(Preset))),
        spectrum=_path(top, "spectrum", "a file that macoaudit spectrum wrote", folder),
        judges=tuple(_network(name, folder) for name in judges),
        offline=top.truth("offline"),
        max_bad=top.share("max_bad"),
        fail_on=cast(FailOn, top.choice("fail_on", get_args(FailOn)) or "high"),
        baseline=_path(top, "baseline", "results.json of an earlier audit", folder),
        sarif_root=_path(top, "sarif_root", "the folder of the repository", folder),
        budget=_budget(top.table("budget")),
        rules=_rules(top.table("rules")),
        suppressions=_suppressions(top, today),
    )


def _path(top: Table, key: str, wanted: str, folder: Path) -> str | None:
    name = top.text(key, wanted)
    return None if name is None else str(folder / name)


def _paths(top: Table, key: str, wanted: str, folder: Path) -> tuple[str, ...]:
    return tuple(str(folder / name) for name in top.texts(key, wanted))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError(
            f"policy {path}: there is no such file. 'macoaudit policy init' writes one"
        ) from error
    except OSError as error:
        raise UsageError(
            f"policy {path}: cannot be read ({error.strerror or error}). Give a TOML file"
        ) from error
    if len(content) > _MOST_BYTES:
        raise UsageError(f"policy {path}: is larger than 1 MiB, so it is no policy")
    return content


def _document(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"policy {path}: is no TOML ({error}). Mend the file") from error


def _require_version(top: Table) -> None:
    if "schema_version" not in top.values:
        top.refuse(f"schema_version is missing; write schema_version = {SCHEMA_VERSION}")
    version = top.values["schema_version"]
    if type(version) is int and version > SCHEMA_VERSION:
        top.refuse(
            f"schema_version is {version}, which is newer than this version of macoaudit reads "
            f"({SCHEMA_VERSION}). Install a newer macoaudit"
        )
    if type(version) is not int or version != SCHEMA_VERSION:
        top.wrong("schema_version", str(SCHEMA_VERSION))


def _network(name: str, folder: Path) -> str:
    """A card is a file of the policy's folder; any other name is left as it is."""
    return str(folder / name) if name.endswith(".toml") else name


def _budget(table: Table) -> Budget:
    table.only(_BUDGET_KEYS)
    return Budget(
        max_minutes=table.number("max_minutes", "a number of minutes above 0"),
        max_images=table.whole("max_images", 2),
    )


def _rules(table: Table) -> dict[Rule, RulePolicy]:
    table.only(RULES)
    return {rule: _rule(table.table(rule)) for rule in RULES if rule in table.values}


def _rule(table: Table) -> RulePolicy:
    table.only(("least_margin", "severities"))
    wanted = "a number from 1: the tests' own thresholds are at 1, so less would change nothing"
    least = table.number("least_margin", wanted, least=1.0)
    severities = table.table("severities")
    names: tuple[Severity, ...] = get_args(Severity)
    severities.only(names)
    counts = {
        name: cast(Severity, severities.choice(name, names))
        for name in names
        if name in severities.values
    }
    return RulePolicy(1.0 if least is None else least, counts)


def _suppressions(top: Table, today: datetime.date) -> tuple[SetAside, ...]:
    rows = top.tables("suppressions")
    found = tuple(_suppression(row, today) for row in rows)
    first: dict[str, int] = {}
    for number, (row, one) in enumerate(zip(rows, found, strict=True), 1):
        if one.fingerprint in first:
            row.refuse(f"has the fingerprint of number {first[one.fingerprint]}; keep one of them")
        first[one.fingerprint] = number
    return found


def _suppression(row: Table, today: datetime.date) -> SetAside:
    row.only(_SUPPRESSION_KEYS)
    for key in _SUPPRESSION_KEYS:
        if key not in row.values:
            row.refuse(f"{key} is missing; every suppression has {', '.join(_SUPPRESSION_KEYS)}")
    wanted = "the 64 hexadecimal digits that results.json has in gate.findings"
    digits = cast(str, row.text("fingerprint", wanted))
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        row.wrong("fingerprint", wanted)
    expires = cast(datetime.date, row.date("expires"))
    if expires - today > datetime.timedelta(days=LONGEST_DAYS):
        latest = today + datetime.timedelta(days=LONGEST_DAYS)
        row.wrong("expires", f"a day within a year, {latest} at the latest, and look again then")
    return SetAside(
        fingerprint=digits,
        reason=cast(str, row.text("reason", "the reason in words")),
        owner=cast(str, row.text("owner", "who answers for it")),
        expires=expires,
    )
