"""Reads a page the way a browser does, with the parser that WeasyPrint also uses."""

import re

import tinyhtml5

NAMESPACE = "{http://www.w3.org/1999/xhtml}"


class Page:
    """A parsed page with the few questions the tests ask."""

    def __init__(self, text: str) -> None:
        self.root = tinyhtml5.parse(text)
        self.source = text

    def all(self, *names: str) -> list:
        wanted = {NAMESPACE + name for name in names}
        return [element for element in self.root.iter() if element.tag in wanted]

    def by_id(self, name: str):
        return next(element for element in self.root.iter() if element.get("id") == name)

    def text(self, element=None) -> str:
        root = self.by_id("main") if element is None else element
        return " ".join("".join(root.itertext()).split())


def without_volatile(page: str) -> str:
    """Cut out the one element that may differ between equal runs."""
    return re.sub(r'<div id="volatile">.*?</div>\s*</section>', "</section>", page, flags=re.S)
