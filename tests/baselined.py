"""A repository with hundreds of known findings, and the random edits that people make to such files without touching a value."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

FILES, PER_FILE = 25, 20
_LITERAL = re.compile(r"""(?:password|MasterUserPassword)["']?\s*[=:]\s*(["'])(v[0-9a-f]{14})\1""")


def value(chance: random.Random) -> str:
    """A password that no rule takes for a placeholder or a test word."""
    return f"v{chance.getrandbits(56):014x}"


def sources(chance: random.Random) -> dict[str, str]:
    """Path → text, ``FILES`` files with ``PER_FILE`` credentials each: Python, Terraform and CloudFormation."""
    kinds: tuple[Callable[[int, random.Random], str], ...] = (_python, _python, _python, _terraform, _cloudformation)
    suffixes = ("py", "py", "py", "tf", "yaml")
    return {f"part{n % 4}/mod{n}.{suffixes[n % 5]}": kinds[n % 5](n, chance) for n in range(FILES)}


def _python(number: int, chance: random.Random) -> str:
    functions = [
        f'def connect_{number}_{k}():\n    return psycopg2.connect(host="db{k}", user="app", password="{value(chance)}")\n'
        for k in range(PER_FILE)
    ]
    return "import psycopg2\n\n\n" + "\n\n".join(functions)


def _terraform(number: int, chance: random.Random) -> str:
    return "\n".join(
        f'resource "aws_db_instance" "db_{number}_{k}" {{\n  username = "app"\n  password = "{value(chance)}"\n}}\n'
        for k in range(PER_FILE)
    )


def _cloudformation(number: int, chance: random.Random) -> str:
    head = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n"
    body = "".join(
        f'  Db{number}x{k}:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      Engine: postgres\n      MasterUserPassword: "{value(chance)}"\n'
        for k in range(PER_FILE)
    )
    return head + body


# ---------------------------------------------------------------- edits that keep every value


def edit(root: Path, names: list[str], chance: random.Random) -> str:
    """Makes one random edit below ``root``; what it was. ``names`` are kept true."""
    number = chance.randrange(len(names))
    name = names[number]
    if chance.random() < 0.2:
        folder, stem = chance.choice(["moved", "moved/deeper", "part9"]), Path(name).name
        new = f"{folder}/{stem if chance.random() < 0.5 else f'renamed{chance.getrandbits(32)}{Path(name).suffix}'}"
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / name).rename(root / new)
        names[number] = new
        return f"{name} → {new}"
    path = root / name
    change = chance.choice(list(_changes(path.suffix)))
    path.write_text(change(path.read_text(), chance))
    return f"{name}: {change.__name__}"


def _changes(suffix: str) -> Iterator[Callable[[str, random.Random], str]]:
    yield _comments
    yield _blank_end
    if suffix == ".py":
        yield from (_shuffled_functions, _single_quotes, _one_argument_per_line, _new_function)
    elif suffix == ".tf":
        yield from (_shuffled_blocks, _realigned)


def _comments(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randint(1, 12)):
        at = chance.choice([n for n, line in enumerate(lines) if not line.strip()] or [0])
        lines.insert(at, f"# note {chance.getrandbits(16)}")
    return "\n".join(lines)


def _blank_end(text: str, chance: random.Random) -> str:
    return text.rstrip("\n") + "\n" * chance.randint(1, 4)


def _shuffled_functions(text: str, chance: random.Random) -> str:
    head, *functions = re.split(r"(?m)^(?=def )", text)
    functions = [f.rstrip("\n") + "\n\n\n" for f in functions]
    chance.shuffle(functions)
    return head + "".join(functions)


def _single_quotes(text: str, chance: random.Random) -> str:
    return text.replace('"', "'") if chance.random() < 0.5 else text.replace("'", '"')


def _one_argument_per_line(text: str, chance: random.Random) -> str:
    return re.sub(
        r"connect\((host=[^,\n]*), (user=[^,\n]*), (password=[^)\n]*)\)",
        r"connect(\n        \1,\n        \2,\n        \3,\n    )",
        text,
        count=chance.randint(1, 5),
    )


def _new_function(text: str, chance: random.Random) -> str:
    return re.sub(
        r"(?m)^(?=def )", f"def helper_{chance.getrandbits(32)}(rows):\n    return sorted(rows)\n\n\n", text, count=1
    )


def _shuffled_blocks(text: str, chance: random.Random) -> str:
    head, *blocks = re.split(r"(?m)^(?=resource )", text)
    blocks = [b.rstrip("\n") + "\n\n" for b in blocks]
    chance.shuffle(blocks)
    return head + "".join(blocks)


def _realigned(text: str, chance: random.Random) -> str:
    width = chance.randint(8, 24)
    return re.sub(r"(?m)^  (\w+) +=", lambda m: f"  {m.group(1):{width}} =", text)


def swap(root: Path, names: list[str], chance: random.Random) -> tuple[str, int]:
    """Puts another value in the place of one, and nothing else. Path and line of it."""
    while True:
        name = chance.choice(names)
        text = (root / name).read_text()
        places = list(_LITERAL.finditer(text))
        if places:
            match = chance.choice(places)
            start, end = match.span(2)
            (root / name).write_text(text[:start] + value(chance) + text[end:])
            return name, text.count("\n", 0, start) + 1
