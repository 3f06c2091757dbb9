"""``python -m hardcode_hunter``."""

from hardcode_hunter.cli import main

main()
