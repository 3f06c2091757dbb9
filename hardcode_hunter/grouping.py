"""Which findings are one secret: one service account is one secret, however many literals it has.

Two findings are joined when they hold the same value for the same purpose, or are parts of one connection or key pair.
What looks the same but need not be is a question for a person, never a guess.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hardcode_hunter.environments import environment_named, words
from hardcode_hunter.model import Finding, Kind, Question, Shape

GENERIC = frozenset(
    [
        "password",
        "passwd",
        "passwort",
        "pass",
        "pwd",
        "pw",
        "passphrase",
        "secret",
        "secrets",
        "key",
        "keys",
        "token",
        "tokens",
        "auth",
        "api",
        "apikey",
        "access",
        "credential",
        "credentials",
        "private",
        "value",
        "default",
        "id",
        "client",
        "app",
        "config",
        "settings",
        "my",
        "the",
        "hardcoded",
    ]
)
CONNECTIONS = frozenset({Kind.DATABASE, Kind.CONNECTION_URL})
PAIRED = frozenset({Kind.OAUTH, Kind.API_KEY, Kind.AWS_KEY})
STRONG = 8  # characters; shorter values are equal by chance too often to ask about


@dataclass(slots=True)
class Group:
    """Findings that become one secret, and what must be asked first."""

    findings: list[Finding]
    environment: str = ""
    questions: list[Question] = field(default_factory=list)

    @property
    def first(self) -> Finding:
        return self.findings[0]


def stem(name: str) -> tuple[str, ...]:
    """The words of a name that say whose credential it is."""
    return tuple(word for word in words(name) if word not in GENERIC and not word.isdigit())


def environment_of(finding: Finding) -> str:
    """The environment that the path or symbol of a finding names, or an empty text."""
    return environment_named(finding.path, finding.symbol)


def group(findings: Sequence[Finding], answers: dict[str, str]) -> list[Group]:
    """The groups, in the order of their first finding. ``answers`` are a person's, by question id."""
    parents = list(range(len(findings)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    asked: list[tuple[int, int, Question]] = []
    for i, j in _pairs(findings):
        a, b = findings[i], findings[j]
        question = _question(a, b)
        if _same(a, b) or _parts(a, b) or (question and answers.get(question.id) == "one"):
            parents[root(j)] = root(i)
        elif question:
            asked.append((i, j, question))
    groups: dict[int, Group] = {}
    for i, finding in enumerate(findings):
        groups.setdefault(root(i), Group([])).findings.append(finding)
    for i, j, question in asked:
        for place in {root(i), root(j)}:
            if root(i) != root(j) and question.id not in {q.id for q in groups[place].questions}:
                groups[place].questions.append(question)
    return _split_by_environment(list(groups.values()))


def _pairs(findings: Sequence[Finding]) -> Iterable[tuple[int, int]]:
    """Neighbours worth comparing: equal values, equal scopes, equal accounts, equal constants. Linear in the number of findings."""
    buckets: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, finding in enumerate(findings):
        buckets["value", finding.digest].append(i)
        buckets["scope", finding.path, finding.scope].append(i)
        if account := _account(finding):
            buckets[("account", *account)].append(i)
        if _constant(finding):
            buckets["constant", finding.path.rpartition("/")[0], finding.symbol].append(i)
    done: set[tuple[int, int]] = set()
    for key, bucket in sorted(buckets.items()):
        reach = len(bucket) if key[0] == "scope" and len(bucket) <= 12 else 2
        for at, i in enumerate(bucket):
            # the first of a bucket stands for it: equality is transitive
            for j in (*bucket[max(0, at - reach + 1) : at], *bucket[: min(1, at)]):
                pair = (min(i, j), max(i, j))
                if i != j and pair not in done:
                    done.add(pair)
                    yield pair


def _constant(finding: Finding) -> bool:
    """A constant of a module or class, which other modules may import; an entry set on some object is its program's own."""
    return finding.name.isupper() and (
        finding.symbol == finding.name or finding.symbol == f"{finding.scope.removeprefix('class ')}.{finding.name}"
    )


def _digest(finding: Finding, role: str) -> str:
    return next((f.digest for f in finding.fields if f.role == role), "")


def _account(finding: Finding) -> tuple[str, ...]:
    user, host = _digest(finding, "username"), _digest(finding, "host")
    return (user, host, finding.engine) if user and host and finding.kind in CONNECTIONS else ()


def _alike(a: Finding, b: Finding) -> bool:
    """Whether both are for the same purpose, by kind and by whose credential the names say it is."""
    if a.kind is b.kind or {a.kind, b.kind} <= CONNECTIONS:
        return True
    ours, theirs = set(stem(a.name)), set(stem(b.name))
    generic = Kind.APPLICATION in (a.kind, b.kind)
    return bool(ours & theirs) or (generic and (not ours or not theirs))


def _same(a: Finding, b: Finding) -> bool:
    if a.digest != b.digest or not _roles_agree(a, b) or not _alike(a, b) or _environments_differ(a, b):
        return False
    users = {_digest(a, "username"), _digest(b, "username")} - {""}
    if a.kind in CONNECTIONS and len(users) > 1:
        return False  # two accounts that happen to have one password
    return not (a.engine and b.engine and a.engine != b.engine)


def _roles_agree(a: Finding, b: Finding) -> bool:
    """Whether both are the same part: a password here can be an AUTH token there, but never a user name."""
    return a.role == b.role or "username" not in (a.role, b.role)


def _parts(a: Finding, b: Finding) -> bool:
    """Parts of one key pair: a client id and its secret, a consumer key and its secret, an AWS key pair."""
    if a.path != b.path or a.scope != b.scope or a.role == b.role:
        return False
    together = a.scope.startswith(("call@", "dict@")) and a.kind is b.kind
    return together or (a.kind in PAIRED and b.kind in PAIRED and stem(a.name) == stem(b.name))


def _environments_differ(a: Finding, b: Finding) -> bool:
    ours, theirs = environment_of(a), environment_of(b)
    return bool(ours and theirs and ours != theirs)


def _question(a: Finding, b: Finding) -> Question | None:
    if _environments_differ(a, b):
        return None
    places = f"{a.path}:{a.line} ({a.symbol}) and {b.path}:{b.line} ({b.symbol})"
    key = "-".join(sorted((a.id, b.id)))
    if a.digest == b.digest:
        if a.length < STRONG or _alike(a, b) or a.role == b.role == "username":
            return None
        return Question(
            f"same-value-{key}",
            f"The same value stands at {places}, under unrelated names. Is it one credential?",
            ("one", "separate"),
        )
    if a.role != b.role or (a.shape is not Shape.WHOLE and b.shape is not Shape.WHOLE):
        return None
    if _account(a) and _account(a) == _account(b):
        return Question(
            f"two-values-{key}",
            f"One account has two passwords, at {places}. Which of them is live? Correct the other, or say both.",
            ("both",),
        )
    if _constant(a) and _constant(b) and a.symbol == b.symbol and a.path != b.path:
        return Question(f"two-values-{key}", f"One name has two values, at {places}. Do both live?", ("both",))
    return None


def _split_by_environment(groups: list[Group]) -> list[Group]:
    """A group whose findings name several environments is one secret in each of them."""
    result: list[Group] = []
    for whole in groups:
        by_name: dict[str, list[Finding]] = defaultdict(list)
        for finding in whole.findings:
            by_name[environment_of(finding)].append(finding)
        named = [name for name in by_name if name]
        if len(named) <= 1:
            whole.environment = named[0] if named else ""
            result.append(whole)
            continue
        for name, members in by_name.items():
            result.append(Group(members, name, list(whole.questions)))
    return result


def slug(text: str) -> str:
    """Lower-case letters, digits and single hyphens, up to 64. Never empty, and never ending in a hyphen and six characters, which Secrets
    Manager's look-up by partial ARN would take for its own suffix (AWS: "Secrets Manager: CreateSecret", parameter Name)."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "app"
    if len(plain) > 64:
        plain = f"{plain[:55].rstrip('-')}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
    return f"{plain}-1" if re.search(r"-[a-z0-9]{6}$", plain) else plain
