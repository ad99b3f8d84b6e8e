"""One measure in a process of its own: `python -m tests.bench.child NAME [DIRECTORY]` prints its seconds."""

import json
import sys
from pathlib import Path

from tests.bench.measures import MEASURES, prepare


def main() -> None:
    """Run the measure that the command line names."""
    name, *directories = sys.argv[1:]
    paths = [Path(directory) for directory in directories]
    if name == "prepare":
        prepare(paths[0])
        print(json.dumps(0))
        return
    print(json.dumps(MEASURES[name](*paths)))


if __name__ == "__main__":
    main()
