"""What a path says: whether a file belongs to tests, or to translations."""

from __future__ import annotations

import re

_TEST_FOLDER = re.compile(
    r"(?:^|/)(?:tests?|testing|testsuite|test[-_]?data|test[-_]?(?:utils?|support|helpers?)|unit[-_]?tests?|integration[-_]?tests?|functional[-_]?tests?|specs?|__tests__|fixtures?|mocks?|stubs?|e2e|conformance|benchmarks?)/",
    re.I,
)
_TEST_FILE = re.compile(
    r"^(?:tests?|conftest|fixtures?|noxfile)[-_.]|^tests?\d*\.|[-_.](?:tests?|spec|mock|fixtures?)\.[a-z]+$|^conftest\.py$|(?:^|[-_])tests?(?:[-_]|\.[a-z]+$)",
    re.I,
)


_TRANSLATION = re.compile(r"(?:^|/)(?:i18n|l10n|locales?|translations?|lang|languages|messages)(?:/|[-_.])", re.I)


def is_translation(path: str) -> bool:
    """Whether a file holds what a program says to people: there, what stands under ``password`` is a label."""
    return bool(_TRANSLATION.search(path))


def is_test(path: str) -> bool:
    """Whether a path is a test's or a fixture's."""
    return bool(_TEST_FOLDER.search(path) or _TEST_FILE.search(path.rpartition("/")[2]))
