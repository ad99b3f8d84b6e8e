"""A reader of pages: their elements and words, without a browser."""

import json
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """A page as a parser reads it: every element with its attributes and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.words: list[str] = []
        self._open: list[int] = []
        self.feed(markup)
        assert not self._open, f"{self.tags[self._open[-1]]} is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element; it is open until it is closed."""
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        if tag not in VOID:
            self._open.append(len(self.tags) - 1)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.tags[self._open.pop()][0] == tag, f"{tag} closes nothing"

    def handle_data(self, data: str) -> None:
        """Note text: for every element that is open, and in the words of the page where it is to be read."""
        for number in self._open:
            self.texts[number] += data
        if not {"style", "script"} & {self.tags[number][0] for number in self._open}:
            self.words.append(data)

    def all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        """Return the attributes and the text of every such element."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            (given, text)
            for (name, given), text in zip(self.tags, self.texts, strict=True)
            if name == tag
            and all((given.get(key) or "").split().count(value) for key, value in wanted.items())
        ]

    def data(self, kind: str) -> list[Any]:
        """Return what the islands of data of a kind hold."""
        return [json.loads(text) for _, text in self.all("script", class_=kind)]
