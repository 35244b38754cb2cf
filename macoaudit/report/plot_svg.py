"""The plotting library's SVG to a small one that can stand inside a page.

What is taken away: the prologue, metadata, styles, clip paths, every id (so that no two drawings
of a page can share one), fonts by name, and digits that nobody can see. Colours and lines become
attributes with plain hex colours, which a page's stylesheet can replace by its own.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import groupby

from macoaudit.errors import ReportError

TEXT_PX = 11.0
"""Size of text; that of a drawing, so that it need not be said of each word."""
NAMESPACE = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_SVG = f"{{{NAMESPACE}}}"
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
_STEP = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_KEPT = ("fill", "stroke", "stroke-width", "stroke-dasharray", "fill-opacity", "text-anchor")
_DEFAULTS = {"fill": "#000000", "stroke": "none", "stroke-width": "1", "text-anchor": "start"}
_SIZE = re.compile(r"font-size: ([\d.]+)px")
_TURNED = re.compile(r"rotate\(-90 ")


def _short(value: float) -> str:
    """Print a length with one decimal, which is less than a pixel of any screen."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _path(data: str) -> str:
    """Round the numbers of a path of straight lines, and write level and upright ones short.

    Raises:
        ReportError: when it holds anything but moves, lines and closings.
    """
    written: list[str] = []
    at = ("", "")
    for command, places in _STEP.findall(data):
        if command in "zZ":
            written.append("z")
            continue
        if command not in "ML":
            raise ReportError(f"report: the plotting library wrote a path with {command!r}")
        pairs = [_short(float(number)) for number in _NUMBER.findall(places)]
        for x, y in zip(pairs[::2], pairs[1::2], strict=True):
            if command == "M":
                written.append(f"M{x} {y}")
            elif (x, y) != at:
                way = f"H{x}" if y == at[1] else f"V{y}" if x == at[0] else f"L{x} {y}"
                written.append(way)
            at = (x, y)
    return "".join(written)


def _style(element: ET.Element) -> dict[str, str]:
    """Turn a style into the attributes that change something."""
    pairs = (part.partition(":") for part in element.get("style", "").split(";"))
    found = {name.strip(): value.strip() for name, _, value in pairs if value}
    if "opacity" in found:
        found["fill-opacity"] = found["opacity"]
    if "stroke-dasharray" in found:
        found["stroke-dasharray"] = _NUMBER.sub(
            lambda match: _short(float(match[0])), found["stroke-dasharray"]
        )
    kept = {name: found[name] for name in _KEPT if name in found}
    return {name: value for name, value in kept.items() if _DEFAULTS.get(name) != value}


def _text(element: ET.Element) -> ET.Element:
    place = {name: _short(float(element.get(name, "0"))) for name in ("x", "y")}
    new = ET.Element("text", {**place, **_style(element)})
    if _TURNED.match(element.get("transform", "")):
        new.set("transform", f"rotate(-90 {place['x']} {place['y']})")
    if (size := _SIZE.search(element.get("style", ""))) is not None and float(size[1]) != TEXT_PX:
        new.set("font-size", _short(float(size[1])))
    new.text = element.text
    return new


def _dot(element: ET.Element, radius: float) -> ET.Element:
    """A marker: all of ours are round."""
    at = {f"c{name}": _short(float(element.get(name, "0"))) for name in ("x", "y")}
    return ET.Element("circle", {**at, "r": _short(radius), "fill": _style(element)["fill"]})


def _marks(root: ET.Element) -> Iterator[ET.Element]:
    """Every visible piece in drawing order, without its groups."""
    for element in root:
        tag = element.tag.removeprefix(_SVG)
        if tag in ("defs", "metadata"):
            continue
        if tag == "g":
            yield from _marks(element)
        elif tag == "path":
            look = _style(element)
            if look.get("fill") != "none" or "stroke" in look:
                yield ET.Element("path", {"d": _path(element.get("d", "")), **look})
        elif tag == "text":
            yield _text(element)
        elif tag == "use" and element.get(_LINK, "").startswith("#m"):
            yield _dot(element, 2.6)
        else:
            raise ReportError(
                f"report: the plotting library wrote <{tag}>, which this version does not know. "
                "Install the version that is named in pyproject.toml"
            )


def _merged(marks: Iterator[ET.Element]) -> list[ET.Element]:
    """Join neighbours that look the same: paths to one path."""
    kept: list[ET.Element] = []
    for mark in marks:
        last = kept[-1] if kept else None
        if last is not None and last.tag == mark.tag == "path":
            same = {**last.attrib, "d": ""} == {**mark.attrib, "d": ""}
            if same and "stroke-dasharray" not in mark.attrib:
                last.set("d", last.get("d", "") + mark.get("d", ""))
                continue
        kept.append(mark)
    return kept


_PLACED = {"text": ("x", "y", "transform"), "circle": ("cx", "cy")}
"""What neighbours of one kind need not share to be one group."""


def _grouped(marks: list[ET.Element]) -> Iterator[ET.Element]:
    """Give neighbours that look the same one group, which says once how they look."""
    for (tag, looks), run in groupby(marks, _look):
        members = list(run)
        if tag not in _PLACED or len(members) == 1:
            yield from members
            continue
        group = ET.Element("g", dict(looks))
        for member in members:
            kept = {name: member.attrib[name] for name in _own(member)}
            member.attrib.clear()
            member.attrib.update(kept)
            group.append(member)
        yield group


def _own(mark: ET.Element) -> list[str]:
    """Attributes of a mark that a group cannot take."""
    own = (*_PLACED.get(mark.tag, ()), "r")
    return [name for name in mark.attrib if name in own]


def _look(mark: ET.Element) -> tuple[str, tuple[tuple[str, str], ...]]:
    own = _own(mark)
    return mark.tag, tuple((k, v) for k, v in mark.attrib.items() if k not in own)


def compact(source: bytes, title: str, *, look: str = "", alone: bool = False) -> str:
    """Rewrite the plotting library's SVG.

    Args:
        source: as the library wrote it; text must be text.
        title: stands in for the drawing.
        look: classes of the drawing in the page's stylesheet.
        alone: for a file of its own; else for the inside of a page.

    Returns:
        One ``svg`` element with the role of a picture, its name, and no id.

    Raises:
        ReportError: when the source holds what this version does not know.
    """
    root = ET.fromstring(source)
    _, _, width, height = root.get("viewBox", "0 0 0 0").split()
    width, height = _short(float(width)), _short(float(height))
    new = ET.Element("svg", {"xmlns": NAMESPACE} if alone else {})
    if look:
        new.set("class", look)
    new.attrib |= {
        "role": "img",
        "aria-label": title,
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
        "font-size": _short(TEXT_PX),
    }
    if alone:
        new.set("font-family", "system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif")
    ET.SubElement(new, "title").text = title
    if alone:  # a viewer may be dark, and the lines are made for white
        ET.SubElement(new, "rect", {"width": width, "height": height, "fill": "#ffffff"})
    new.extend(_grouped(_merged(_marks(root))))
    return ET.tostring(new, encoding="unicode")
