"""Extras: the packages that only some verbs need, and what to type where they are missing."""

from importlib.util import find_spec

from metering.document import problem

PACKAGES = {
    "report": ("altair", "vl_convert"),
    "invoice": ("typst",),
    "xlsx": ("xlsxwriter",),
    "fit": ("scipy",),
}
"""The packages of each extra of the project, as they are imported."""


def need(extra: str) -> None:
    """Return if the packages of an extra are installed. Raises Problems with what to install otherwise."""
    missing = [name for name in PACKAGES[extra] if find_spec(name) is None]
    if missing:
        wanted = " and ".join(missing)
        raise problem(f"package {wanted}", "is not installed", f"pip install 'saasim[{extra}]'")
