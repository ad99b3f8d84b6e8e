"""Style: how pages look, in light and dark, on a phone, on a screen and on paper.

The colours have names, and each has two values. A page follows the reader's system unless its `html` says
`data-theme="light"` or `"dark"`; paper is always light.
"""

from functools import cache
from importlib.resources import files

COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#0f1419"),
    "soft": ("#f4f6f9", "#161d25"),
    "ink": ("#1b1f24", "#e6edf3"),
    "dim": ("#59636e", "#9aa4af"),
    "rule": ("#dfe4ea", "#2a333d"),
    "line": ("#8c959f", "#6b7683"),
    "accent": ("#10479c", "#58abff"),
    "tint": ("#e8f0fa", "#16263a"),
    "more": ("#006a61", "#2fb397"),
    "less": ("#a83a10", "#f0805c"),
    "second": ("#8a5c00", "#e69d36"),
    "third": ("#006a61", "#2fb397"),
    "plain": ("#6e7781", "#8b949e"),
    "old": ("#8c959f", "#7d8590"),
    "new": ("#10479c", "#58abff"),
}
"""Every colour by its name: in light, and in dark.

More and less are a green and a red that colour-blind eyes tell apart, and never the only sign.
"""


def style(*names: str) -> str:
    """Return the style sheet of a page: the colours, and the parts that are named (`page`, `report`)."""
    return _colours() + "".join(_file(f"{name}.css") for name in names)


def _colours() -> str:
    light, dark = (" ".join(f"--{name}: {pair[side]};" for name, pair in COLOURS.items()) for side in (0, 1))
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        "@media screen and (prefers-color-scheme: dark) {"
        f' :root:not([data-theme="light"]) {{ color-scheme: dark; {dark} }} }}\n'
        f'@media screen {{ :root[data-theme="dark"] {{ color-scheme: dark; {dark} }} }}\n'
    )


@cache
def _file(name: str) -> str:
    return files("simulator.page").joinpath(name).read_text("utf-8")


def script(name: str) -> str:
    """Return a script that stands beside the style sheets."""
    return _file(f"{name}.js")


STYLE = style("page")
"""The style sheet of a page without scripts; it names no address."""
