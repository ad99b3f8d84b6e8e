"""`python -m tests.reference [--write] [PAGE ...]`: say which pages are out of date, or mend them.

`PAGE` is a page or a directory of pages, such as `docs/reference`; all by default.
"""

import sys
import tempfile
from pathlib import Path

from tests.reference import REGIONS
from tests.reference.page import ROOT, blocks_of, generated, pages, regions_of
from tests.reference.session import Session, rewritten


def main() -> int:
    """Check or write pages; return 1 where one is out of date."""
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    asked = [Path(word).resolve() for word in words] or [ROOT]
    stale = []
    with tempfile.TemporaryDirectory() as directory, Session(Path(directory)) as session:
        for page in (page for page in pages() if any(page.is_relative_to(path) for path in asked)):
            text = generated(page, REGIONS) if regions_of(page) else page.read_text("utf-8")
            session.provide(blocks_of(page))
            for block in blocks_of(page):
                if block.language == "console":
                    text = text.replace(block.text, rewritten(block, session))
            if text != page.read_text("utf-8"):
                stale.append(page)
                if "--write" in sys.argv:
                    page.write_text(text, "utf-8")
    verb = "written" if "--write" in sys.argv else "out of date"
    sys.stdout.write("".join(f"{page.relative_to(ROOT)}: {verb}\n" for page in stale))
    return 1 if stale and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
