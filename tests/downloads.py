"""What the tests use and no requirement file can name, fetched once when the environment is set up: the tests only look into the cache.

``python -m tests.downloads`` fetches what is missing (``python -m tests.downloads checkov`` that linter alone, which is large), says what could not be had, and ends well all the same: a test whose part is
absent is skipped, and says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.embedded import Absent

CACHE_VARIABLE = "HARDCODE_HUNTER_TEST_CACHE"


def cache(name: str) -> Path:
    """The folder of one download; never inside the repository. It may not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    whole = os.environ.get(CACHE_VARIABLE) or os.path.join(base, "hardcode-hunter-tests")
    return Path(whole) / name


CHECKOV = "3.3.30"


def checkov() -> Path:
    """The checkov command; it may not exist."""
    return cache("checkov") / CHECKOV / "bin" / "checkov"


def fetch_checkov() -> None:
    """Puts checkov into an environment of its own: it pins boto3, networkx and others that the product needs newer."""
    if checkov().exists():
        return
    home = checkov().parents[1]
    venv.create(home, with_pip=True)
    command = [str(home / "bin" / "python"), "-m", "pip", "--quiet", "install", f"checkov=={CHECKOV}"]
    if subprocess.run(command, capture_output=True, timeout=900, check=False).returncode:
        raise Absent(f"pip could not install checkov=={CHECKOV}")


def main() -> None:
    if sys.argv[1:] == ["checkov"]:
        fetch_checkov()
        return
    from tests.embedded import mariadb
    from tests.terraform_provider import runner

    for title, fetch in (("the AWS provider's schema for Terraform", runner.fetch), ("MariaDB", mariadb.fetch)):
        try:
            fetch()
        except (Absent, OSError) as absent:
            print(f"ABSENT: {title}: {absent}. The tests that need it will be skipped.", file=sys.stderr)


if __name__ == "__main__":
    main()
