"""Library: what draws charts in a browser, as one script that a page holds.

Nothing in it is fetched, and no text becomes code: expressions of charts are parsed and walked.
"""

from functools import cache

import vl_convert

_HANDED = "window.saasim.ready(vegaEmbed);"
"""What the bundle ends with: it hands the library to the page's own script."""


@cache
def library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed, which are under the BSD 3-Clause licence."""
    return str(vl_convert.javascript_bundle(_HANDED))
