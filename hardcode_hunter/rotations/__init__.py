"""The rotation Lambdas that ``generate`` emits verbatim: real Python, typed and tested, without holes to be filled.

A module here describes rotations as constants (:class:`~hardcode_hunter.plugins.Rotation`). Each has a directory beside
it that is the deployment package but for its requirements: the files that lie side by side in the function, complete in
themselves, and ``requirements.txt``, pinned by hash. The directories are no packages: nothing of this product imports
them, so boto3 and the drivers are needed in the function alone. What two functions do alike is written alike in both,
which the tests hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from hardcode_hunter.plugins import Rotation


def sources(rotation: Rotation) -> Mapping[str, bytes]:
    """The files to emit, byte for byte: name in the deployment package -> content, sorted by name."""
    directory = files(__name__) / rotation.directory
    found = {entry.name: entry.read_bytes() for entry in directory.iterdir() if entry.name.endswith((".py", ".txt"))}
    return dict(sorted(found.items()))
