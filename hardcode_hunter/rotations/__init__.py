"""The rotation Lambdas that ``generate`` emits verbatim: real Python, typed and tested, without holes to be filled.

A module here describes rotations as constants (:class:`~hardcode_hunter.plugins.Rotation`). Each has a directory beside
it with the function's own files and ``requirements.txt``, pinned by hash. What several functions do alike lies in ``parts``, whose
files are emitted beside the function's own: in the package all of them lie side by side. The directories are no packages: nothing of
this product imports them, so boto3 and the drivers are needed in the function alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from hardcode_hunter.plugins import Rotation


def sources(rotation: Rotation) -> Mapping[str, bytes]:
    """The files to emit, byte for byte: name in the deployment package -> content, sorted by name."""
    directory, parts = files(__name__) / rotation.directory, files(__name__) / "parts"
    found = {e.name: e.read_bytes() for e in directory.iterdir() if e.name.endswith((".py", ".txt"))}
    found |= {name: (parts / name).read_bytes() for name in rotation.parts}
    return dict(sorted(found.items()))
