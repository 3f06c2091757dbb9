"""What happens at one place: a literal becomes a data source's value, or goes; a variable's uses do, and the variable goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from hardcode_hunter import shapes
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.hurdles import MANAGED, STATIC_KEYS, hurdle
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.routes import Route, joined, route
from hardcode_hunter.languages.terraform.sources import Reading, reading, several_providers
from hardcode_hunter.languages.terraform.uses import Spot, Use, spot_at
from hardcode_hunter.languages.units import Hurdle, Unit
from hardcode_hunter.model import Access, Candidate, Home, LiteralType, Replacement, Shape, Span, Tier


class Unplannable(Exception):
    """The layout of the text allows no safe splice."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


@dataclass(frozen=True, slots=True)
class Put:
    """The bytes ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Attributes, blocks or object elements go, with their lines."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Append:
    """A block at the end of the file; once per directory."""

    text: str


Action = Put | Drop | Append


def literal(modules: Modules, unit: Unit[Action], candidate: Candidate, access: Access) -> None:
    """The literal of ``candidate`` becomes the data source's value; a static key goes."""
    path, data = candidate.path, modules.data(candidate.path)
    found = spot_at(modules.root(path), data, candidate.span.start, candidate.span.end)
    if found is None:
        unit.fail(
            Hurdle("comment", "it stands in a comment: delete it")
            if candidate.note == "comment"
            else Hurdle("block", "it stands where no value does")
        )
        return
    spot = found
    if access.home is Home.ROLE:
        _static_key(modules, unit, path, spot, candidate.span)
        return
    if candidate.literal is LiteralType.TEXT or spot.text == "heredoc" or "embedded" in candidate.note:
        code = hurdle(spot)
        known = (
            code
            if code
            and code.code in ("user-data", "secret-in-configuration", "container-environment", "provisioner", "not-aws")
            else None
        )
        unit.fail(
            Hurdle(known.code, known.why)
            if known
            else Hurdle("heredoc", "the credential stands inside a script or a document: fetch it there")
        )
        return
    if access.home is Home.MANAGED:
        _managed(modules, unit, path, spot)
        return
    to = route(modules, path, spot)
    said = _read(modules, unit, syntax.directory(path), access, to)
    if said is None:
        return
    row = unit.replacements[0]
    if row.shape is not Shape.WHOLE or candidate.literal is LiteralType.TEMPLATE:
        _part(unit, path, data, candidate, row, said)
    else:
        unit.actions.append((path, Put(candidate.span.start, candidate.span.end, said.expression)))
    _declare(unit, path, said)


def _read(modules: Modules, unit: Unit[Action], folder: str, access: Access, to: Route) -> Reading | None:
    """How the value is read for all that it reaches; what stands in the way is met."""
    for found in (*to.hurdles, several_providers(to)):
        unit.meet(found)
    said = reading(modules, folder, access, to)
    if isinstance(said, Hurdle):
        unit.fail(said)
        return None
    return said


def _declare(unit: Unit[Action], path: str, said: Reading) -> None:
    if not said.exists:
        unit.actions.append((path, Append(said.block)))
    if said.variable:
        unit.actions.append((path, Append(said.variable)))


def _part(unit: Unit[Action], path: str, data: bytes, candidate: Candidate, row: Replacement, said: Reading) -> None:
    """The part of a URL or header in a quoted text that is written without escapes."""
    raw = data[candidate.span.start + 1 : candidate.span.end - 1].decode("utf-8", "replace")
    masked = re.sub(r"\$\{[^{}]*\}", lambda m: "x" * len(m.group()), raw)
    parts = (
        [p for p in shapes.parse(row.shape, masked) if p.role == (row.part or row.key)]
        if row.shape is not Shape.WHOLE
        else []
    )
    if (
        "\\" in raw
        or "$${" in raw
        or "%{" in raw
        or len(parts) != 1
        or masked[parts[0].start : parts[0].end] != raw[parts[0].start : parts[0].end]
    ):
        unit.fail(
            Hurdle(
                "template",
                "the credential could not be told from the text around it: write the expression into it by hand",
            )
        )
        return
    part, expression = parts[0], said.expression
    if row.shape is Shape.URL:
        expression = f'replace(urlencode({expression}), "+", "%20")'  # urlencode writes a blank as "+", which a URL's userinfo keeps
    elif row.shape is not Shape.BEARER:
        unit.meet(
            Hurdle(
                "unquoted",
                "the value is put into the text as it is: a rotated password with a blank, quote or semicolon breaks it",
                Tier.REVIEW,
            )
        )
    start = candidate.span.start + 1 + len(raw[: part.start].encode())
    unit.actions.append((path, Put(start, start + len(raw[part.start : part.end].encode()), f"${{{expression}}}")))


# ---------------------------------------------------------------- variables


def variable(modules: Modules, unit: Unit[Action], candidate: Candidate, access: Access) -> None:
    """Every use takes what reads the secret, and the variable goes with all that sets it."""
    folder, _, target = candidate.defines.partition("#var.")
    if "." in target:
        unit.fail(Hurdle("object", "it is a part of a variable that is an object: split the variable first"))
        return
    blocks = modules.variable(folder, target)
    if not blocks:
        why = f"no file of the directory declares the variable {target}: the value is used by nobody"
        unit.fail(Hurdle("no-variable", why))
        return
    passing = [c for c in modules.callers(folder) if target in c.inputs]
    if passing:
        _dead_default(modules, unit, blocks, len(passing) == len(modules.callers(folder)))
        return
    if not _moved(modules, unit, folder, target, blocks):
        return
    used = modules.uses(folder, "var", target)
    if access.home in (Home.ROLE, Home.MANAGED):
        for use in used:
            _goes(modules, unit, use, access)
    elif used:
        said = _read(modules, unit, folder, access, joined(route(modules, u.path, u.spot) for u in used))
        if said is None:
            return
        unit.actions += [(use.path, Put(use.start, use.end, said.expression)) for use in used]
        _declare(unit, min(u.path for u in used), said)
    for path, block in blocks:
        unit.actions.append((path, Drop((block,))))


def _dead_default(modules: Modules, unit: Unit[Action], blocks: Sequence[tuple[str, Node]], always: bool) -> None:
    """A module's variable that every caller sets needs no default."""
    if not always:
        unit.fail(
            Hurdle(
                "module-callers",
                "some calls of the module set the variable and some rely on its default: set it everywhere first",
            )
        )
    for path, block in blocks:
        attribute = modules.default(path, block)
        if attribute is not None:
            unit.actions.append((path, Drop((attribute,))))


def _moved(modules: Modules, unit: Unit[Action], folder: str, name: str, blocks: Sequence[tuple[str, Node]]) -> bool:
    """Whether every value that the variable is given moves; the lines of variable files that set it go."""
    moving = {(r.path, r.span.start) for r in unit.replacements}
    for setting in modules.settings(folder, name):
        value = setting.attribute.children[-1]
        if not any(p == setting.path and value.start_byte <= start < value.end_byte for p, start in moving):
            unit.fail(Hurdle("other-value", f"{setting.path} gives the variable a value that does not move"))
            return False
        unit.actions.append((setting.path, Drop((setting.attribute,))))
    for path, block in blocks:
        default = modules.default(path, block)
        if default is None:
            continue
        value = default.children[-1]
        written = syntax.text(value, modules.data(path))
        if written not in ('""', "null") and not any(
            p == path and value.start_byte <= start < value.end_byte for p, start in moving
        ):
            unit.fail(Hurdle("other-value", f"{path} has another default for the variable, and no plan for it"))
            return False
    return True


def _goes(modules: Modules, unit: Unit[Action], use: Use, access: Access) -> None:
    if access.home is Home.ROLE:
        _static_key(modules, unit, use.path, use.spot, Span(use.start, use.end))
    else:
        _managed(modules, unit, use.path, use.spot)


# ---------------------------------------------------------------- keys and passwords that go


def _static_key(modules: Modules, unit: Unit[Action], path: str, spot: Spot, span: Span) -> None:
    """Static AWS keys are deleted, not moved: the provider, the backend and the function get a role."""
    nodes = _holding(modules.root(path), span)
    provider = spot.kind == "provider" and spot.words[1:2] == ("aws",) and spot.attribute in STATIC_KEYS
    backend = "backend" in spot.blocks and spot.attribute in STATIC_KEYS
    if not nodes or (spot.text and not _only(modules.data(path), nodes[-1], span)):
        unit.fail(
            Hurdle(
                "static-key", "static AWS keys are not stored anywhere: give the machine a role and delete them by hand"
            )
        )
    elif provider or backend:
        unit.actions.append((path, Drop((nodes[-1],))))
    elif spot.blocks[:1] == ("environment",):
        why = "the variable goes, and the code has to use the credentials of its role: see that it reads no variable and that the role has the rights"
        unit.meet(Hurdle("static-key", why, Tier.REVIEW))
        unit.actions.append((path, Drop((nodes[-1],))))
    else:
        unit.fail(Hurdle("static-key", "static AWS keys are not stored anywhere: use a role and delete them by hand"))


def _only(data: bytes, node: Node, span: Span) -> bool:
    """Whether the value is nothing but ``"${…}"``, as configurations for Terraform 0.11 write a reference."""
    value = node.children[-1]
    return data[value.start_byte : span.start].strip() == b'"${' and data[span.end : value.end_byte].strip() == b'}"'


def _holding(root: Node, span: Span) -> list[Node]:
    """The attributes and object elements around ``span``, the innermost last."""
    found: list[Node] = []
    node = root
    while True:
        inner = next((c for c in node.children if c.start_byte <= span.start and span.end <= c.end_byte), None)
        if inner is None:
            return found
        if inner.type in ("attribute", "object_elem"):
            found.append(inner)
        node = inner


def _managed(modules: Modules, unit: Unit[Action], path: str, spot: Spot) -> None:
    """The service keeps the password: the argument is replaced by the switch for it."""
    password, switch = MANAGED.get(spot.resource, ("", ""))
    body = syntax.body_of(spot.block) if spot.block is not None else None
    parts = next((p for p in syntax.attributes(body) if syntax.text(p[0], modules.data(path)) == password), None)
    if not switch or spot.path != (password,) or parts is None:
        unit.fail(
            Hurdle("not-managed", "only the master password of a database that AWS manages can be left to the service")
        )
        return
    folder, address = path.rpartition("/")[0], spot.words[1:3]
    for reader in modules.uses(folder, *address):
        if reader.names[2:3] == (password,):
            unit.fail(
                Hurdle(
                    "password-read",
                    f"{reader.path} reads the password from the resource, which would be empty: use the managed secret there",
                )
            )
            return
    unit.meet(
        Hurdle(
            "changes-password",
            "AWS sets a new password and rotates it: every consumer must read the managed secret before",
            Tier.REVIEW,
        )
    )
    unit.actions += [
        (path, Put(parts[0].start_byte, parts[0].end_byte, switch)),
        (path, Put(parts[1].start_byte, parts[1].end_byte, "true")),
    ]


# ---------------------------------------------------------------- bytes


def cut(data: bytes, nodes: Sequence[Node]) -> list[Span]:
    """The bytes that go with the nodes: whole lines, and one of two blank lines that would meet. Raises :class:`Unplannable`."""
    return [
        _element(data, node) if node.type == "object_elem" and not _alone(data, node) else _lines(data, node)
        for node in nodes
    ]


def _bounds(data: bytes, node: Node) -> tuple[int, int, bytes, bytes]:
    begin = max(data.rfind(b"\n", 0, node.start_byte), data.rfind(b"\r", 0, node.start_byte)) + 1
    stop = line_end(data, node.end_byte)
    return (
        begin,
        stop,
        data[begin : node.start_byte].removeprefix(b"\xef\xbb\xbf").strip(),
        data[node.end_byte : stop].strip(),
    )


def _alone(data: bytes, node: Node) -> bool:
    _, _, before, after = _bounds(data, node)
    return not before and (after in (b"", b",") or after.lstrip(b",").lstrip().startswith((b"#", b"//")))


def _lines(data: bytes, node: Node) -> Span:
    begin, stop, before, after = _bounds(data, node)
    if before or not (after in (b"", b",") or after.lstrip(b",").lstrip().startswith((b"#", b"//"))):
        raise Unplannable("layout", "it shares its line with something else: put it on a line of its own")
    blank_before = not data[:begin].strip() or data[:begin].endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    following = data[stop : line_end(data, stop)]
    if blank_before and following and not following.strip():
        stop = line_end(data, stop)
    elif not data[stop:].strip() and node.type == "block":
        begin, stop = after_last_line(data, begin), len(data)
    return Span(max(begin, _mark(data)), stop)


def after_last_line(data: bytes, before: int) -> int:
    """Where the last line before ``before`` ends that is not blank."""
    kept = len(data[:before].rstrip(b" \t\r\n"))
    return line_end(data, kept) if kept > _mark(data) else kept


def _mark(data: bytes) -> int:
    """The length of the byte order mark, which stays."""
    return 3 if data.startswith(b"\xef\xbb\xbf") else 0


def _element(data: bytes, node: Node) -> Span:
    """An element of an object on one line: it goes with the comma before or behind it."""
    behind, before = node.next_sibling, node.prev_sibling
    if behind is not None and behind.type == ",":
        after = behind.next_sibling
        return Span(node.start_byte, after.start_byte if after is not None else behind.end_byte)
    if before is not None and before.type == ",":
        return Span(before.start_byte, node.end_byte)
    raise Unplannable("layout", "it shares its line with something else: put it on a line of its own")


def line_end(data: bytes, at: int) -> int:
    """Where the line of byte ``at`` ends, its line break included."""
    found = [i for i in (data.find(b"\n", at), data.find(b"\r", at)) if i >= 0]
    if not found:
        return len(data)
    first = min(found)
    return first + (2 if data[first : first + 2] == b"\r\n" else 1)
