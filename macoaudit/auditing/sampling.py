"""Choosing some of many images so that every group is there: by count alone, no randomness."""

from collections.abc import Hashable, Sequence

from macoaudit.measuring.context import spread


def stratified(
    groups: Sequence[Hashable], most: int | None, per_group: int | None = None
) -> list[int]:
    """Choose positions so that groups are treated alike, evenly spaced within each.

    Places are dealt out round by round, one to each group that has images left, the largest group
    first (of equal ones the one that was met first). So a small group is not lost among large ones.

    Args:
        groups: group of each position.
        most: positions in all; None: no limit.
        per_group: positions of a group; None: no limit.

    Returns:
        Positions in their order.
    """
    members: dict[Hashable, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    order = sorted(members, key=lambda group: -len(members[group]))
    left = len(groups) if most is None else most
    quota = dict.fromkeys(order, 0)
    limit = {
        group: len(members[group]) if per_group is None else min(per_group, len(members[group]))
        for group in order
    }
    while left > 0:
        open_groups = [group for group in order if quota[group] < limit[group]][:left]
        if not open_groups:
            break
        for group in open_groups:
            quota[group] += 1
        left -= len(open_groups)
    chosen = [
        members[group][place]
        for group in order
        for place in spread(len(members[group]), quota[group])
    ]
    return sorted(chosen)
