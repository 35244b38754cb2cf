"""Which of the computed frames are shown."""

from collections.abc import Sequence


def shown_frames(
    amounts: Sequence[float], distances: Sequence[float], key: int, count: int
) -> tuple[int, ...]:
    """Choose frames that are about evenly spaced in their distance from the source.

    Frames at the source itself are not chosen: it is shown anyway. The last frame and the key
    frame always are, where there is room for both.

    Args:
        amounts: of each frame, 0 for the source.
        distances: of each frame, ``||x' - x||_2``.
        key: the frame that matters most.
        count: how many at most, 1 or more.

    Returns:
        Numbers of frames in the order of their amounts.
    """
    order = [place for place in in_order(amounts) if amounts[place] > 0]
    if not order:
        return (key,)
    if len(order) <= count:
        return tuple(order)
    most = max(distances[place] for place in order)
    chosen = [order[-1]]
    if key in order and key != order[-1] and count > 1:
        chosen.append(key)
    for step in range(1, count):
        if len(chosen) == count:
            break
        wanted = most * step / count
        left = [place for place in order if place not in chosen]
        chosen.append(min(left, key=lambda place: abs(distances[place] - wanted)))
    return tuple(place for place in order if place in chosen)


def in_order(amounts: Sequence[float]) -> list[int]:
    """Sort frames by their amounts; equal ones stay in order."""
    return sorted(range(len(amounts)), key=lambda place: (amounts[place], place))


def last_frame(amounts: Sequence[float]) -> int:
    """Find the frame of the largest amount."""
    return in_order(amounts)[-1]
