"""What the tests use and no requirement file can name, fetched once when the environment is set up: the tests only look into the cache.

``python -m tests.downloads`` fetches what is missing, says what could not be had, and ends well all the same: a test whose part is
absent is skipped, and says so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.embedded import Absent

CACHE_VARIABLE = "HARDCODE_HUNTER_TEST_CACHE"


def cache(name: str) -> Path:
    """The folder of one download; never inside the repository. It may not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    whole = os.environ.get(CACHE_VARIABLE) or os.path.join(base, "hardcode-hunter-tests")
    return Path(whole) / name


def main() -> None:
    from tests.embedded import mariadb
    from tests.terraform_provider import runner

    for title, fetch in (("the AWS provider's schema for Terraform", runner.fetch), ("MariaDB", mariadb.fetch)):
        try:
            fetch()
        except (Absent, OSError) as absent:
            print(f"ABSENT: {title}: {absent}. The tests that need it will be skipped.", file=sys.stderr)


if __name__ == "__main__":
    main()
