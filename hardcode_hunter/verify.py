"""What is left after a migration: copies of moved values, code that was not rewritten, secrets that aren't as the code needs them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hardcode_hunter.encodings import Needle
from hardcode_hunter.model import (
    Copy,
    Exposure,
    Finding,
    Home,
    Left,
    Observation,
    Plaintext,
    Plan,
    Problem,
    Reader,
    Secret,
    Verdict,
    Verification,
)

Values = Mapping[tuple[str, str], Plaintext]
STORED = (Home.SECRETS_MANAGER, Home.PARAMETER_STORE)


@dataclass(frozen=True, slots=True)
class Search:
    """What :func:`copies` found, in how many files it looked, and which it could not read."""

    copies: tuple[Copy, ...] = ()
    files: int = 0
    problems: tuple[Problem, ...] = ()


# ---------------------------------------------------------------- copies


def copies(
    root: Path,
    names: Iterable[str],
    values: Values,
    *,
    findings: Sequence[Finding] = (),
    skip_paths: Collection[str] = (),
) -> Search:
    """Searches the files ``names`` (relative to ``root``, of any type) for every credential in ``values``, in every encoding, in one pass.

    Public fields (host, user name, database) are not searched for. A copy counts when a rule finds a credential on its line, or when the
    value is strong (``encodings.strong``); others are listed. Links and devices are left out; files that can't be read are problems.
    """
    needle = Needle(values)
    lines = {
        (f.path, n) for f in findings if f.verdict is not Verdict.TEST_VALUE for n in range(f.line, f.end_line + 1)
    }
    found: set[Copy] = set()
    problems: list[Problem] = []
    files = 0
    for name in names:
        if name in skip_paths:
            continue
        try:
            handle = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENXIO):  # a symbolic link, a socket
                problems.append(_unreadable(name, error))
            continue
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                files += 1
                for line, hit in needle.search(partial(_read, handle)):
                    found.add(Copy(name, line, hit.secret, hit.key, hit.encoding, hit.counts or (name, line) in lines))
        except OSError as error:
            problems.append(_unreadable(name, error))
        finally:
            os.close(handle)
    return Search(
        tuple(sorted(found, key=lambda c: (c.path, c.line, c.secret, c.key, c.encoding))), files, tuple(problems)
    )


def _read(handle: int, size: int) -> bytes:
    """The next bytes of a file. A hole in it, which may be larger than all files together, is read as two NUL."""
    here = os.lseek(handle, 0, os.SEEK_CUR)
    try:
        data = os.lseek(handle, here, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole up to the end
            return b""
        data = os.lseek(handle, here, os.SEEK_SET)  # a file system that can't tell
    return b"\0\0" if data > here else os.read(handle, size)


def _unreadable(name: str, error: OSError) -> Problem:
    return Problem(
        name, 0, f"cannot be read ({error.strerror}); correct its permissions, then verify again", fatal=True
    )


# ---------------------------------------------------------------- the whole


def verify(
    plan: Plan,
    findings: Sequence[Finding],
    observations: Mapping[str, Observation],
    search: Search,
    history: Sequence[Exposure] = (),
    *,
    readers: Sequence[Reader] | None = None,
    revoked: Collection[str] = (),
    searched: Collection[str] | None = None,
) -> Verification:
    """What is left of the migration that ``plan`` describes.

    ``findings`` are those of a scan of the tree as it is now, ``observations`` what the store says (by secret; one that is absent
    here could not be asked about), ``search`` the result of :func:`copies`, ``history`` what is known of the repository's past, ``readers``
    who may read what (``None``: that isn't asked). ``revoked`` are the secrets whose old value is recorded as dead, ``searched`` those whose value was known, so that
    copies of it could be searched for (``None``: all).
    """
    left = [*_unmigrated(plan, findings), *_exposed(plan, revoked)]
    unknown = [Left("unreadable", p.path, 0, "", p.message) for p in search.problems]
    for secret in plan.secrets:
        left += [
            Left("question", "", 0, secret.id, f"secret '{secret.id}' waits for an answer: {q.ask}")
            for q in secret.blocked
        ]
        if secret.home in STORED and not secret.blocked:
            seen = observations.get(secret.id)
            if seen is None or seen.error:
                why = seen.error if seen else f"{plan.secret_name(secret)}: the store was not asked"
                unknown.append(Left("unreachable", "", 0, secret.id, why))
                continue
            left += _unstored(plan, secret, seen)
            if searched is not None and secret.id not in searched and seen.stored:
                why = f"{plan.secret_name(secret)}: its value can't be read, so that copies of it were not searched for"
                unknown.append(Left("unreachable", "", 0, secret.id, why))
            for one in _unreadable_by(plan, secret, readers) if readers is not None and seen.exists else ():
                (unknown if one.code == "unreachable" else left).append(one)
    known = {(one.path, one.line) for one in left}
    counting = [c for c in search.copies if c.counts and (c.path, c.line) not in known]
    left += [
        Left(
            "copy",
            c.path,
            c.line,
            c.secret,
            f"holds the value of '{c.secret}.{c.key}' ({c.encoding}): remove it by hand",
        )
        for c in counting
    ]
    return Verification(
        left=tuple(sorted(left, key=lambda one: (one.path, one.line, one.code, one.secret))),
        listed=tuple(c for c in search.copies if not c.counts),
        unknown=tuple(unknown),
        exposed=tuple(one.secret for one in left if one.code == "exposed"),
        history=tuple(history),
        files=search.files,
    )


def _exposed(plan: Plan, revoked: Collection[str]) -> Iterator[Left]:
    """What no rotation makes worthless: it works for whoever has the history, until somebody renews it where it was issued."""
    for secret in plan.secrets:
        if secret.rotation.name == "none" and secret.home is not Home.MANAGED and secret.id not in revoked:
            what = (
                f"'{secret.id}' stays exposed: whoever has the history has its value. Renew it where it was issued, then record that: "
                f'`hardcode-hunter status --revoked {secret.id} --because "…"`'
            )
            yield Left("exposed", "", 0, secret.id, what)


def _unreadable_by(plan: Plan, secret: Secret, readers: Sequence[Reader]) -> Iterator[Left]:
    """Consumers whose role may not read the secret, or of which that can't be told."""
    name = plan.secret_name(secret)
    rows = {reader.role: reader for reader in readers if reader.secret == secret.id}
    for consumer in secret.consumers:
        reader = rows.get(consumer.role)
        if consumer.role == "deployer" or (reader is not None and reader.allowed):
            continue
        if reader is None and not consumer.role.startswith("arn:"):
            what = (
                f"nobody could check whether {consumer.symbol} may read {name}: say under 'role' of this consumer in "
                "migration/plan.yaml which role or user it runs as, by ARN"
            )
            yield Left("no-role", consumer.path, consumer.line, secret.id, what)
        elif reader is None or reader.allowed is None:
            why = reader.why if reader else "its policies were not read"
            what = f"{consumer.role} reads {name}, but whether it may can't be told: {why}"
            yield Left("unreachable", consumer.path, consumer.line, secret.id, what)
        else:
            what = f"{consumer.role} may not read {name}: {reader.why}; attach the policy that the stack has for it"
            yield Left("not-readable", consumer.path, consumer.line, secret.id, what)


def _unmigrated(plan: Plan, findings: Sequence[Finding]) -> Iterator[Left]:
    planned = {
        origin.finding: secret.id
        for secret in plan.secrets
        for f in secret.fields
        for origin in f.origins
        if origin.finding
    }
    reasons = {skip.finding: skip for skip in plan.skips}
    for finding in findings:
        if finding.verdict is Verdict.TEST_VALUE:
            continue
        skip, secret = reasons.get(finding.id), planned.get(finding.id, "")
        if skip:
            why = f"was left alone ({skip.code}): {skip.why}"
        elif secret:
            why = "is planned and not rewritten yet: run `hardcode-hunter apply`"
        else:
            why = "is not in the plan: run `hardcode-hunter plan`"
        yield Left("unmigrated", finding.path, finding.line, secret, f"{finding.title}: {why}")


def _unstored(plan: Plan, secret: Secret, seen: Observation) -> Iterator[Left]:
    name = plan.secret_name(secret)
    if not seen.exists:
        yield Left(
            "not-stored",
            "",
            0,
            secret.id,
            f"{name} isn't in the store: deploy the stack, then run `hardcode-hunter apply`",
        )
    elif not seen.stored:
        yield Left(
            "not-stored",
            "",
            0,
            secret.id,
            f"{name} has no value: run `hardcode-hunter apply`, or `store` after an offline one",
        )
    elif secret.form == "json":
        lacking = [f.key for f in secret.fields if f.key not in seen.keys]
        if lacking:
            yield Left(
                "lacks-field",
                "",
                0,
                secret.id,
                f"{name} lacks {', '.join(lacking)}, which the code reads: add them to its value",
            )
