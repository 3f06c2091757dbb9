"""``python -m hardcode_hunter``."""

import os
import sys

# `python -m` looks for modules in the working directory first, and that may be a scanned tree with a `yaml.py` of its own
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()) and os.getcwd() != _OURS:
    del sys.path[0]

from hardcode_hunter.cli import main  # noqa: E402

main()
