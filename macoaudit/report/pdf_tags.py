"""Mends the tag tree of a rendered PDF before it is written, for readers that cannot see it.

WeasyPrint 70 tags a document, but leaves faults that PDF/UA forbids or that mislead a screen
reader: terms in a ``div`` of a ``dl`` lie outside any list item, a link around another element has
two annotations of which one is no link, page headers are real content without a place in the tree,
header cells name no direction, and a link is described by its address. Runs in the rendering
process and, like :mod:`macoaudit.report.pdf_child`, imports nothing of macoaudit.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_HEADINGS = ("h1", "h2", "h3", "h4")
_SCOPES: Mapping[str, str] = {"row": "/Row", "col": "/Column"}


class TagTree:
    """The structure tree of a document that is ready to be written."""

    def __init__(self, pdf: Any) -> None:  # noqa: ANN401 - pydyf has no types
        self._pdf = pdf
        self._root = self._object(pdf.catalog["StructTreeRoot"])
        numbers = self._object(self._root["ParentTree"])["Nums"]
        self._parents: dict[int, int] = {
            numbers[at]: at + 1 for at in range(0, len(numbers), 2)
        }  # where the entry of a key is
        self._numbers = numbers

    def _object(self, reference: bytes) -> Any:  # noqa: ANN401
        return self._pdf.objects[int(reference.split()[0])]

    def _kids(self, element: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401
        """The kids that are structure elements, each with its reference."""
        found = []
        for kid in element.get("K", ()):
            if isinstance(kid, bytes):
                child = self._object(kid)
                if child.get("Type") == "/StructElem":
                    found.append((kid, child))
        return found

    def mend(self) -> None:
        """Put the tree right, and take out of the content what belongs to none of it."""
        for reference in self._root["K"]:
            self._mend(reference, None)
        self._set_apart()

    def _mend(self, reference: bytes, link: bytes | None) -> None:
        element = self._object(reference)
        if element["S"] == "/L":
            self._list(element)
        holds_link = any(self._annotation(kid) is not None for kid in element.get("K", ()))
        if element["S"] == "/Link" or holds_link:
            if link is None:
                element["S"], link = "/Link", reference
            else:
                self._join_link(reference, link)
        for kid, _ in self._kids(element):
            self._mend(kid, link)

    def _list(self, element: Any) -> None:  # noqa: ANN401
        """A ``div`` of a ``dl`` is one item; the space between two of them is nobody's content."""
        element["K"][:] = [kid for kid, child in self._kids(element) if child["S"] != "/Span"]
        for _, item in self._kids(element):
            if item["S"] != "/Div":
                continue
            item["S"] = "/LI"
            item["K"][:] = [kid for kid, child in self._kids(item) if child["S"] == "/LI"]
            parts = [child for _, child in self._kids(item)]
            for part in parts:
                # A part whose beginning is on the page before has no term.
                term = part is parts[0] and len(parts) > 1
                part["S"] = "/Lbl" if term else "/LBody"
                for _, body in self._kids(part):
                    body["S"] = "/Span" if term else "/Div"

    def _annotation(self, kid: object) -> Any:  # noqa: ANN401
        if not isinstance(kid, bytes):
            return None
        child = self._object(kid)
        return self._object(child["Obj"]) if child.get("Type") == "/OBJR" else None

    def _join_link(self, reference: bytes, link: bytes) -> None:
        """Give the annotations of an element inside a link to that link."""
        element, outer = self._object(reference), self._object(link)
        element["S"] = "/Span"
        moved = [kid for kid in element["K"] if self._annotation(kid) is not None]
        element["K"][:] = [kid for kid in element["K"] if kid not in moved]
        outer["K"].extend(moved)
        for kid in moved:
            place = self._annotation(kid).get("StructParent")
            self._numbers[self._parents[place]] = link

    def _reached(self) -> set[bytes]:
        found: set[bytes] = set()
        waiting = list(self._root["K"])
        while waiting:
            reference = waiting.pop()
            found.add(reference)
            waiting += [kid for kid, _ in self._kids(self._object(reference))]
        return found

    def _set_apart(self) -> None:
        """Mark content as an artifact where no element of the tree holds it: page headers."""
        reached = self._reached()
        for number, page in enumerate(self._pdf.page_references):
            owners = self._numbers[self._parents[number]]
            loose = {mcid for mcid, owner in enumerate(owners) if owner not in reached}
            for mcid in loose:
                owners[mcid] = b"null"
            stream = self._object(self._object(page)["Contents"]).stream
            for at, marks in _marked(stream):
                if marks["MCID"] in loose:
                    stream[at - 1] = "/Artifact"
                    marks.clear()
                    marks["Type"] = "/Pagination"


def _marked(stream: list[Any]) -> Iterator[tuple[int, Any]]:
    for at, item in enumerate(stream):
        if isinstance(item, dict) and "MCID" in item:
            yield at, item


def _text(element: Any) -> str:  # noqa: ANN401
    return " ".join("".join(element.itertext()).split())


def _boxes(document: Any) -> Iterator[Any]:  # noqa: ANN401
    """Every box of every page that an element of the document made, pseudo-elements left out."""
    for page in document.pages:
        for box in page._page_box.descendants():
            if box.element is not None and isinstance(box.element.tag, str):
                yield box


def _names(document: Any) -> dict[str, str]:  # noqa: ANN401
    """What each place that can be linked to is called: its own heading, or the first inside."""
    names: dict[str, str] = {}
    for box in _boxes(document):
        name = box.element.get("id")
        if name is None or name in names:
            continue
        inside = (e for e in box.element.iter() if e.tag in _HEADINGS)
        heading = next(inside, None)
        if heading is not None:
            names[name] = _text(heading)
    return names


def mend_tags(document: Any, pdf: Any) -> None:  # noqa: ANN401
    """Put the tags of a document right; a ``finisher`` of WeasyPrint's ``write_pdf``.

    Args:
        document: WeasyPrint's document, laid out.
        pdf: its pydyf document, with tags and not written yet.
    """
    import pydyf

    names = _names(document)
    for box in _boxes(document):
        mark = getattr(box, "mark", None)
        if box.element.tag == "th" and mark is not None:
            mark["A"]["Scope"] = _SCOPES.get(box.element.get("scope", "col"), "/Both")
        annotation = getattr(box, "link_annotation", None)
        if annotation is not None and "Dest" in annotation:
            target = annotation["Dest"].string
            words = _text(box.element) or f"Page of {names.get(target, target)}"
            annotation["Contents"] = pydyf.String(words)
    TagTree(pdf).mend()
