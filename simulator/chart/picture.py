"""Pictures: a specification as PNG or SVG, drawn without a browser."""

from typing import Any

import vl_convert

from simulator.chart.theme import Theme


def png(spec: dict[str, Any], theme: Theme, scale: float = 2.0) -> bytes:
    """Return a chart as PNG on the theme's paper."""
    drawn: bytes = vl_convert.vegalite_to_png(_on_paper(spec, theme), scale=scale)
    return drawn


def svg(spec: dict[str, Any], theme: Theme) -> str:
    """Return a chart as SVG on the theme's paper."""
    drawn: str = vl_convert.vegalite_to_svg(_on_paper(spec, theme))
    return drawn


def _on_paper(spec: dict[str, Any], theme: Theme) -> dict[str, Any]:
    return {**spec, "background": theme.paper, "padding": 16}
