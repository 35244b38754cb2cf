"""What a test asks of a printed report: its text, its boxes, and what PDF/UA asks of a file.

The questions are those of the Matterhorn protocol that a program can answer from the file's
objects. What a person has to judge (whether an alternative text says what the picture shows, the
order of reading, the contrast) is not here.
"""

import io
import re
import shutil
import subprocess
from collections.abc import Iterator

import pypdf
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, IndirectObject

BLOCKS = {
    "/Table": {"/TR", "/THead", "/TBody", "/TFoot", "/Caption"},
    "/L": {"/L", "/LI", "/Caption"},
    "/LI": {"/Lbl", "/LBody"},
    "/TR": {"/TH", "/TD"},
    "/THead": {"/TR"},
    "/TBody": {"/TR"},
}
"""Elements that may hold only certain others."""


def text_of(data: bytes) -> str:
    """All text of a document on one line."""
    reader = pypdf.PdfReader(io.BytesIO(data))
    # pypdf reads some of WeasyPrint's two-byte codes with a NUL before each letter.
    return " ".join(" ".join(p.extract_text() for p in reader.pages).replace("\0", "").split())


def words_off_the_page(data: bytes) -> list[str]:
    """Words whose box leaves the page, by poppler's reckoning."""
    tool = shutil.which("pdftotext")
    assert tool is not None
    done = subprocess.run([tool, "-bbox", "-", "-"], input=data, capture_output=True, check=True)
    found, size = [], (0.0, 0.0)
    numbers = (
        r'xMin="(-?[\d.]+)" yMin="(-?[\d.]+)" xMax="(-?[\d.]+)" yMax="(-?[\d.]+)">(.*?)</word>'
    )
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if page := re.search(r'<page width="([\d.]+)" height="([\d.]+)"', line):
            size = float(page[1]), float(page[2])
        elif word := re.search(numbers, line):
            left, top, right, bottom = map(float, word.groups()[:4])
            if left < 0 or top < 0 or right > size[0] + 0.5 or bottom > size[1] + 0.5:
                found.append(word[5])
    return found


class Tags:
    """The structure tree of a document and the content that it holds."""

    def __init__(self, data: bytes) -> None:
        self.reader = pypdf.PdfReader(io.BytesIO(data))
        self.root = self.reader.trailer["/Root"]
        self.tree = self.root["/StructTreeRoot"]
        self.pages = {page.indirect_reference.idnum: i for i, page in enumerate(self.reader.pages)}

    @staticmethod
    def kids(element: DictionaryObject) -> list:
        found = element.get("/K", ArrayObject())
        found = found.get_object() if isinstance(found, IndirectObject) else found
        return list(found) if isinstance(found, ArrayObject) else [found]

    def elements(self) -> Iterator[tuple[DictionaryObject, tuple[str, ...]]]:
        """Every structure element with the types of those above it, in the order of reading."""
        waiting = [(kid, ()) for kid in reversed(self.kids(self.tree))]
        while waiting:
            kid, above = waiting.pop()
            element = kid.get_object()
            if not isinstance(element, DictionaryObject) or "/S" not in element:
                continue
            yield element, above
            below = (*above, element["/S"])
            waiting += [(one, below) for one in reversed(self.kids(element))]

    def parents(self) -> dict[int, object]:
        numbers = self.tree["/ParentTree"]["/Nums"]
        return {int(numbers[i]): numbers[i + 1] for i in range(0, len(numbers), 2)}

    def faults(self) -> list[str]:
        """What is wrong with the file, each fault in words; an empty list where nothing is."""
        return [
            *self._document(),
            *self._headings(),
            *self._kinds(),
            *self._tables(),
            *self._content(),
            *self._links(),
            *self._fonts(),
        ]

    def _document(self) -> Iterator[str]:
        metadata = self.root.get("/Metadata")
        xmp = metadata.get_object().get_data().decode() if metadata is not None else ""
        checks = {
            "not marked as tagged": self.root.get("/MarkInfo", {}).get("/Marked"),
            "no language": self.root.get("/Lang"),
            "the window shows no title": self.root.get("/ViewerPreferences", {}).get(
                "/DisplayDocTitle"
            ),
            "no title in the metadata": "<dc:title>" in xmp.replace("ns0:title", "dc:title"),
            "no part of PDF/UA in the metadata": re.search(r'pdfuaid:part="1"', xmp),
            "encrypted": not self.reader.is_encrypted,
        }
        yield from (name for name, right in checks.items() if not right)

    def _headings(self) -> Iterator[str]:
        last = 0
        for element, _ in self.elements():
            if match := re.fullmatch(r"/H([1-6])", element["/S"]):
                level = int(match[1])
                if level > last + 1:
                    yield f"a heading of level {level} follows one of level {last}"
                last = level

    def _kinds(self) -> Iterator[str]:
        for element, above in self.elements():
            kind, parent = element["/S"], above[-1] if above else ""
            if parent in BLOCKS and kind not in BLOCKS[parent]:
                yield f"{kind} in {parent}"
            if kind == "/LI" and parent != "/L":
                yield f"an item of a list in {parent}"
            if kind == "/Figure" and not str(element.get("/Alt", "")).strip():
                yield "a figure without alternative text"
            if kind == "/Link" and "/Link" in above:
                yield "a link in a link"

    def _tables(self) -> Iterator[str]:
        for element, _ in self.elements():
            if element["/S"] != "/Table":
                continue
            cells = [kid for kid in self._below(element) if kid["/S"] in ("/TH", "/TD")]
            heads = [kid for kid in cells if kid["/S"] == "/TH"]
            if not heads:
                yield "a table without a header cell"
            names = {kid.get("/ID") for kid in heads}
            for cell in cells:
                facts = cell.get("/A", DictionaryObject()).get_object()
                if cell["/S"] == "/TH" and facts.get("/Scope") not in ("/Row", "/Column"):
                    yield "a header cell without a direction"
                if any(name not in names for name in facts.get("/Headers", ())):
                    yield "a cell that names a header of another table"

    def _below(self, element: DictionaryObject) -> Iterator[DictionaryObject]:
        for kid in self.kids(element):
            child = kid.get_object()
            if isinstance(child, DictionaryObject) and "/S" in child:
                yield child
                yield from self._below(child)

    def _content(self) -> Iterator[str]:
        """All content is of one element of the tree, or an artifact."""
        held: dict[int, list[int]] = {page: [] for page in self.pages.values()}
        for element, _ in self.elements():
            mine = [int(kid) for kid in self.kids(element) if isinstance(kid, int)]
            if mine:
                held[self.pages[element.raw_get("/Pg").idnum]] += mine
        for number, page in enumerate(self.reader.pages):
            shown: list[int] = []
            depth = artifact = 0
            for operands, operator in ContentStream(page["/Contents"], self.reader).operations:
                if operator in (b"BMC", b"BDC"):
                    depth += 1
                    if operands[0] == "/Artifact":
                        artifact = artifact or depth
                    elif len(operands) > 1 and "/MCID" in operands[1]:
                        shown.append(int(operands[1]["/MCID"]))
                elif operator == b"EMC":
                    artifact = 0 if artifact == depth else artifact
                    depth -= 1
                elif (
                    operator in (b"Tj", b"TJ", b"Do", b"f", b"f*", b"S", b"B", b"sh") and not depth
                ):
                    yield f"page {number + 1}: {operator!r} is neither tagged nor an artifact"
            if sorted(shown) != sorted(held[number]):
                yield f"page {number + 1}: {len(shown)} marked, {len(held[number])} in the tree"

    def _links(self) -> Iterator[str]:
        parents = self.parents()
        for number, page in enumerate(self.reader.pages):
            annotations = page.get("/Annots", ())
            if annotations and page.get("/Tabs") != "/S":
                yield f"page {number + 1}: links are not in the order of the structure"
            for reference in annotations:
                link = reference.get_object()
                if not str(link.get("/Contents", "")).strip():
                    yield f"page {number + 1}: a link without a description"
                owner = parents.get(link.get("/StructParent"))
                if owner is None or owner.get_object()["/S"] != "/Link":
                    yield f"page {number + 1}: a link that no link of the tree holds"

    def _fonts(self) -> Iterator[str]:
        for page in self.reader.pages:
            for font in page["/Resources"].get("/Font", DictionaryObject()).values():
                font = font.get_object()
                if "/ToUnicode" not in font:
                    yield f"{font['/BaseFont']}: its codes are of no letters"
                inner = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
                if not {"/FontFile", "/FontFile2", "/FontFile3"} & inner.keys():
                    yield f"{font['/BaseFont']} is not in the file"
