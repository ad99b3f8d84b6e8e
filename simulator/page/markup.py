"""Markup: HTML that is put together from elements, so that no text of anybody's can become markup."""

from collections.abc import Iterable
from html import escape

from simulator.values import visible


class Html(str):
    """A text that is markup already; every other text is escaped where it becomes part of an element."""

    __slots__ = ()


_VOID = {"meta", "br"}


def text(words: object) -> Html:
    """Return a text as it is to be read: escaped, and without characters that hide or turn letters."""
    return Html(escape(visible(str(words))))


def element(tag: str, inner: object = "", *, kind: str = "", **attributes: object) -> Html:
    """Return an element; `inner` is escaped unless it is `Html`, `kind` is its class.

    An underscore in the name of an attribute stands for a hyphen.
    """
    named = {"class": kind} if kind else {}
    given = {**named, **{name.replace("_", "-"): value for name, value in attributes.items()}}
    written = "".join(f' {name}="{escape(str(value))}"' for name, value in given.items())
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{inner if isinstance(inner, Html) else text(inner)}</{tag}>")


def join(parts: Iterable[Html]) -> Html:
    """Put markup behind each other."""
    return Html("".join(parts))
