"""Document: a whole HTML file that holds everything it needs, and is let in nothing else."""

import base64
import hashlib
import re
from collections.abc import Sequence

from simulator.page.markup import Html, element, join

_ENDS = re.compile(r"<(?:/script|/style|script|!--)|\r|\0", re.IGNORECASE)
"""What would end a script or a style sheet early, or change it on the way."""


def document(
    title: str, body: Html, *, style: str, scripts: Sequence[str] = (), first: Sequence[str] = ()
) -> str:
    """Return a page: `scripts` run once the body is there, `first` before anything is painted.

    A Content-Security-Policy names the style sheet and the scripts by their hashes and lets in nothing else:
    no address, no inline style, no text that becomes code.
    """
    policy = ["default-src 'none'", f"style-src {_hash(style)}"]
    if scripts or first:
        policy.append("script-src " + " ".join(_hash(script) for script in (*first, *scripts)))
    policy += ["base-uri 'none'", "form-action 'none'"]
    head = join([
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content="; ".join(policy)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Html(style)),
        *(element("script", Html(script)) for script in first),
    ])  # fmt: skip
    whole = join([body, *(element("script", Html(script)) for script in scripts)])
    parts = join([element("head", head), element("body", whole)])
    return f"<!DOCTYPE html>\n{element('html', parts, lang='en')}\n"


def _hash(text: str) -> str:
    assert not _ENDS.search(text), "a script or a style would end early, or not be the one that was hashed"
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
