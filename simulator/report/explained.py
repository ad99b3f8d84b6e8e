"""Explained: what a figure means, and the question to the ledger that gives it, behind a button beside it."""

import re
import shlex
from typing import NamedTuple

from simulator.page.markup import Html, element, join, text


class Explained(NamedTuple):
    """What stands behind the button of a figure.

    `key` is unique in the page, `meaning` a sentence or two, `facts` short lines as name and words, `query`
    the SQL, `command` what to type to have it answered.
    """

    key: str
    title: str
    meaning: str
    query: str = ""
    command: str = ""
    facts: tuple[tuple[str, str], ...] = ()

    def button(self, place: str = "") -> Html:
        """Return the button: pointed at or focused it says the meaning, pressed it opens the rest.

        Where a figure has several buttons, each has a place of its own.
        """
        tip_id = f"tip-{self.key}{place}"
        label = f"{self.title}: what it means and where it comes from"
        pressed = element(
            "button", "i", kind="why", type="button", popovertarget=f"why-{self.key}",
            aria_label=label, aria_describedby=tip_id,
        )  # fmt: skip
        tip = element("span", self.meaning, kind="tip", id=tip_id, role="tooltip")
        return join([pressed, tip])

    def panel(self) -> Html:
        """Return what the button opens: a panel above the page, closed by Escape or a click beside it."""
        parts = [
            element("h2", self.title, id=f"head-{self.key}"),
            element("p", self.meaning),
        ]
        if self.facts:
            pairs = [join([element("dt", name), element("dd", words)]) for name, words in self.facts]
            parts.append(element("dl", join(pairs)))
        if self.query:
            parts.append(_code("The question to the ledger, in SQL", dedented(self.query), "SQL"))
        if self.command:
            parts.append(_code("To ask it yourself", self.command, "command"))
        close = element(
            "button", "Close", kind="close", type="button",
            popovertarget=f"why-{self.key}", popovertargetaction="hide",
        )  # fmt: skip
        return element(
            "div", join([*parts, close]), kind="panel", id=f"why-{self.key}", popover="auto",
            role="dialog", aria_labelledby=f"head-{self.key}", tabindex=-1,
        )  # fmt: skip


def asking(run: str, query: str) -> str:
    """Return the command that asks a run's ledger, quoted for a shell."""
    quoted = re.sub(r'([\\"$`])', r"\\\1", dedented(query))
    return f'saasim sql {shlex.quote(run)} "{quoted}"'


def dedented(query: str) -> str:
    """Return SQL without the indentation of the file that it comes from."""
    lines = query.strip("\n").rstrip().split("\n")
    later = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    first = len(lines[0]) - len(lines[0].lstrip())
    cut = min([first, *later]) if first else min(later, default=0)
    return "\n".join(line[min(cut, len(line) - len(line.lstrip())) :] for line in lines).strip()


def _code(heading: str, code: str, thing: str) -> Html:
    copy = element("button", "Copy", kind="copy", type="button", aria_label=f"Copy the {thing}")
    block = element("pre", element("code", _kept(code)), tabindex=0, aria_label=heading)
    return element("div", join([element("h3", heading), copy, block]), kind="code")


def _kept(code: str) -> Html:
    """Escape code line by line: a line's end is none of the characters that are made visible."""
    return Html("\n".join(text(line) for line in code.split("\n")))
