"""Infrastructure code that others wrote: round trips, rewrites and the linters' word on them, and the speed of the scan.

    python -m benchmarks.infrastructure FOLDER…                 round trips and forced rewrites of every template and configuration
    python -m benchmarks.infrastructure --findings FOLDER…      scan, plan and rewrite (all tiers), with cfn-lint and terraform fmt before and after
    python -m benchmarks.infrastructure --speed [FILES] FOLDER…  megabytes a second, Terraform beside Python

``FOLDER`` is a checkout, or a folder of checkouts. A round trip parses a file and puts every literal onto itself through the machinery of
the rewrites: the bytes must be the same. A forced rewrite takes literals at random (the same ones every time) for credentials, whatever
they are, and holds the rewrite to what is true of every rewrite: what could be read still can, and what was formatted still is. Nothing is written into the folders, and no value is printed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hardcode_hunter import migration, pipeline
from hardcode_hunter import plan as planning
from hardcode_hunter.config import Settings
from hardcode_hunter.languages import edits
from hardcode_hunter.languages.cloudformation import CLOUDFORMATION
from hardcode_hunter.languages.cloudformation.extract import parse
from hardcode_hunter.languages.nodes import Mapping as Node_
from hardcode_hunter.languages.nodes import Node, Scalar, Unparsable, duplicates
from hardcode_hunter.languages.nodes import Sequence as List
from hardcode_hunter.languages.terraform import TERRAFORM, splicing, syntax
from hardcode_hunter.languages.terraform.actions import Action, Put
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.units import Unit
from hardcode_hunter.model import Access, Candidate, Change, Home, LiteralType, Replacement, Shape, Source, Tier
from hardcode_hunter.plugins import Language, Retriever, Rewriting

SUFFIXES = (".tf", ".tfvars", ".tf.json", ".yaml", ".yml", ".json", ".template")
LARGEST = 2_000_000
FORCED = 3  # literals a file
CROWD = 40  # files in one folder beyond which each is rewritten alone
SLOW = 10.0  # seconds for one file that are worth a line
NONE = Retriever(name="none", title="none", expression=lambda access, function: "", function="")
LANGUAGES = {language.name: language for language in (CLOUDFORMATION, TERRAFORM)}


def sources(folders: Sequence[Path]) -> Iterator[tuple[Path, Source]]:
    """Every template and configuration below the folders, with its folder."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.name.endswith(SUFFIXES) or not path.is_file() or path.is_symlink():
                continue
            data = path.read_bytes()
            language = pipeline.language_of(path.name, data) if len(data) <= LARGEST else None
            if language is not None and language.name in LANGUAGES:
                yield folder, Source(path.relative_to(folder).as_posix(), data, language.name)


# ---------------------------------------------------------------- round trips


def round_trip(source: Source) -> str:
    """``same``, ``unparsable``, or what went wrong."""
    if source.language == "cloudformation" or source.path.endswith(".json"):
        return _document(source)
    root = syntax.parse(source.data)
    if root.has_error:
        return "unparsable"
    modules = Modules({source.path: source})
    unit: Unit[Action] = Unit([_forced(c, 0) for c in _literals(TERRAFORM, source)[:1]])
    if not unit.replacements:
        return "same"
    rows = [(unit, Put(s, e, source.data[s:e].decode())) for s, e in _texts(syntax.comments(root), root)]
    result = Change(source.path, "", tuple(splicing.edits_of(modules, source.path, rows))).result(source.data)
    return "same" if result == source.data else "DIFFERENT"


def _texts(comments: Sequence[tuple[int, int]], root: object) -> list[tuple[int, int]]:
    """The literals of a configuration, heredocs left out."""
    found, todo = [], [root]
    while todo:
        node = todo.pop()
        if node.type == "string_lit" and node.parent is not None and node.parent.type != "block":  # type: ignore[attr-defined]
            found.append((node.start_byte, node.end_byte))  # type: ignore[attr-defined]
        else:
            todo += node.children  # type: ignore[attr-defined]
    return found


def _document(source: Source) -> str:
    try:
        roots = parse(source.data, source.path)
    except Unparsable:
        return "unparsable"
    if duplicates(roots):
        return "unparsable"
    file = edits.File(source.data, roots, source.data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["))
    puts = [edits.Put(n, source.data[n.outer : n.end], edits.plain(n)) for n in _scalars(roots)]
    rows, trees = edits.assemble(file, [(put, Tier.SAFE, "") for put in puts])
    result = Change(source.path, "", tuple(rows)).result(source.data)
    again = [edits.plain(root) for root in parse(result, source.path)]
    return "same" if result == source.data and again == trees else "DIFFERENT"


def _scalars(roots: Sequence[Node]) -> Iterator[Scalar]:
    todo = list(roots)
    while todo:
        node = todo.pop()
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, Node_):
            todo += [value for _, value in node.pairs]
        elif isinstance(node, List):
            todo += node.items


# ---------------------------------------------------------------- forced rewrites


def _literals(language: Language, source: Source) -> list[Candidate]:
    plain = (LiteralType.STR, LiteralType.INT)
    rows = language.candidates(source, None).candidates
    return [c for c in rows if c.literal in plain and "comment" not in c.note]


def _forced(candidate: Candidate, number: int) -> Replacement:
    return Replacement(
        finding=candidate.fingerprint,
        rule="forced",
        path=candidate.path,
        line=candidate.line,
        symbol=candidate.symbol,
        ordinal=candidate.ordinal,
        span=candidate.span,
        shape=Shape.WHOLE,
        literal=candidate.literal,
        position=candidate.position,
        secret=f"secret-{number}",
        key="password",
        resource=candidate.resource,
        parameter=candidate.parameter,
        note=candidate.note,
    )


def _access(number: int) -> Access:
    name = f"prod/shop/secret-{number}"
    return Access(f"secret-{number}", "shop", name, "prod", {"prod": name}, Home.SECRETS_MANAGER, "json", "password")


def forced(source: Source, beside: Mapping[str, Source]) -> tuple[str, Counter[str]]:
    """What a rewrite of a few literals came to, and the codes of its skips."""
    language = LANGUAGES[source.language]
    literals = _literals(language, source)
    chosen = random.Random(source.path).sample(literals, min(FORCED, len(literals)))
    rows = [_forced(candidate, number) for number, candidate in enumerate(chosen)]
    access = {(row.secret, row.key): _access(number) for number, row in enumerate(rows)}
    assert language.rewrite is not None
    made = language.rewrite(beside, rows, Rewriting(access, NONE, {}, frozenset({"safe", "review"})))
    skips = Counter(skip.code for rewrite in made.values() for skip in rewrite.skips)
    verdict = "skipped"
    for path, rewrite in made.items():
        if rewrite.change is None:
            continue
        before = beside[path].data
        after = rewrite.change.result(before)
        verdict = "rewritten"
        if _unreadable(language, path, after) and not _unreadable(language, path, before):
            return "BROKEN", skips
        if path.endswith(".tf") and not formatted(after) and formatted(before):
            return "UNFORMATTED", skips
    return verdict, skips


def _unreadable(language: Language, path: str, data: bytes) -> bool:
    return bool(language.candidates(Source(path, data, language.name), None).problems)


def formatted(data: bytes) -> bool:
    """What ``terraform fmt`` says; a file is formatted for it when there is no terraform."""
    binary = shutil.which("terraform")
    if binary is None:
        return True
    run = subprocess.run([binary, "fmt", "-check", "-"], input=data, capture_output=True, check=False)
    return run.returncode == 0


def trips(folders: Sequence[Path], most: int) -> int:
    """Round trips and forced rewrites of all files."""
    found = list(sources(folders))[: most or None]
    beside: dict[tuple[Path, str], dict[str, Source]] = {}
    for folder, source in found:
        if source.language == "terraform":
            beside.setdefault((folder, source.path.rpartition("/")[0]), {})[source.path] = source
    kinds, results, made, skips = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for folder, source in found:
        start = time.perf_counter()
        kinds[source.language] += 1
        try:
            said = round_trip(source)
            around = beside.get((folder, source.path.rpartition("/")[0]), {source.path: source})
            around = around if len(around) <= CROWD else {source.path: source}
            verdict, codes = ("unparsable", Counter[str]()) if said == "unparsable" else forced(source, around)
        except Exception as error:  # what is counted here
            said, verdict, codes = f"CRASHED {type(error).__name__}", "", Counter()
        results[said] += 1
        made[verdict] += 1
        skips += codes
        seconds = time.perf_counter() - start
        if said not in ("same", "unparsable") or verdict.isupper() or seconds > SLOW:
            print(f"{folder.name}/{source.path}: {said}, {verdict}, {seconds:.1f} s", flush=True)
    print(f"{sum(kinds.values())} files: {dict(kinds)}")
    print(f"round trips: {dict(results)}")
    print(f"forced rewrites: {dict(made)}; literals skipped: {dict(skips.most_common())}")
    return int(any(key.isupper() or key.startswith("CRASHED") for key in (*results, *made)))


# ---------------------------------------------------------------- findings


def findings(folders: Sequence[Path]) -> int:
    """What a person gets: scan, plan, rewrite of all tiers; and what the linters say that they didn't say before."""
    worse = 0
    for folder in folders:
        start = time.perf_counter()
        tree = migration.make(folder, [folder], Settings(), planning.Wish(environment="prod"))
        preview = migration.rewrite(tree, tree.plan, frozenset({"safe", "review"}))
        changed = [c for c in preview.changes if c.before is not None and c.path.endswith(SUFFIXES)]
        verdicts = Counter(f.verdict.value for f in tree.scan.findings if f.language in LANGUAGES)
        codes = Counter(s.code for s in (*tree.plan.skips, *preview.skips) if s.path.endswith(SUFFIXES))
        print(f"{folder.name}: {dict(verdicts)}, {len(changed)} files rewritten, skipped {dict(codes.most_common())}")
        for change in changed:
            before = tree.reading.sources[change.path].data if change.path in tree.reading.sources else None
            data = before if before is not None else (folder / change.path).read_bytes()
            new = _said(change.path, change.result(data)) - _said(change.path, data)
            worse += sum(new.values())
            for message in new:
                print(f"  {change.path}: NEW {message}")
        print(f"  {time.perf_counter() - start:.1f} s", flush=True)
    print(f"{worse} messages of a linter that were not there before")
    return int(worse > 0)


def _said(path: str, data: bytes) -> Counter[str]:
    """What the linter of the file's language reports, without places."""
    if path.endswith(".tf"):
        return Counter() if formatted(data) else Counter(["terraform fmt: not formatted"])
    if b"Resources" not in data:
        return Counter()
    from cfnlint.api import lint

    return Counter(f"{m.rule.id} {m.message.partition(chr(39))[0]}" for m in lint(data.decode(), regions=["us-east-1"]))


# ---------------------------------------------------------------- speed


def speed(folders: Sequence[Path], count: int) -> int:
    """Megabytes a second of a scan, of Terraform files and of Python files, each alone and in one folder."""
    configurations = [p for f in folders for p in sorted(f.rglob("*.tf")) if 0 < p.stat().st_size <= LARGEST]
    python = [p for p in sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.py")) if 0 < p.stat().st_size <= 60_000]
    rates = {}
    for name, paths in (("terraform", configurations), ("python", python)):
        chosen = random.Random(2019).sample(paths, min(count, len(paths)))
        with tempfile.TemporaryDirectory(prefix="hh-infrastructure-") as folder:
            size = 0
            for number, path in enumerate(chosen):
                target = Path(folder) / f"part{number // 50}" / f"{number}{path.suffix}"
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(path.read_bytes())
                size += path.stat().st_size
            best = min(_timed(Path(folder)) for _ in range(2))
        rates[name] = size / 1e6 / best
        print(
            f"{name}: {len(chosen)} files, {size / 1e6:.1f} MB in {best:.1f} s of processor time: {rates[name]:.2f} MB/s"
        )
    print(f"Terraform scans at {rates['terraform'] / rates['python']:.2f} times the rate of Python")
    return int(rates["terraform"] < rates["python"] / 2)


def _timed(folder: Path) -> float:
    command = [sys.executable, "-m", "hardcode_hunter", "scan", str(folder), "--isolated", "--exit-zero", "--quiet"]
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--findings", action="store_true", help="scan, plan, rewrite, and the linters before and after")
    parser.add_argument("--speed", type=int, nargs="?", const=3000, metavar="FILES", help="megabytes a second")
    parser.add_argument("--most", type=int, default=0, help="stop after so many files")
    parser.add_argument("folders", type=Path, nargs="+")
    given = parser.parse_args(arguments)
    folders = [p for f in given.folders for p in ([f] if (f / ".git").exists() else sorted(f.iterdir())) if p.is_dir()]
    if given.speed:
        return speed(folders, given.speed)
    return findings(folders) if given.findings else trips(folders, given.most)


if __name__ == "__main__":
    sys.exit(main())
