"""Literals and references of a Terraform file: attributes of all blocks, objects, function arguments, templates and heredocs."""

from __future__ import annotations

import re
from collections import Counter

from tree_sitter import Node

from hardcode_hunter.languages.embedded import Embedded, Inside
from hardcode_hunter.languages.gather import Gather, as_text
from hardcode_hunter.languages.nodes import dense
from hardcode_hunter.languages.pairs import FETCHED
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.expressions import Expressions, Place
from hardcode_hunter.model import Extraction, Position, Source
from hardcode_hunter.plugins import Hits, near

PARAMETER = "aws_ssm_parameter"
DEFINING = frozenset(["variable", "locals", "module", "output"])


def extract(source: Source, hits: Hits) -> Extraction:
    if dense(source.data):
        return as_text(source, hits, 1, "too large to be parsed as Terraform")
    gather = Gather(source, hits)
    root = syntax.parse(source.data)
    reader = Reader(gather)
    for node in syntax.errors(root):
        gather.problem(
            node.start_byte, "could not be parsed as Terraform near this line; the rest of the file was read"
        )
        if node.end_byte > node.start_byte:
            reader.embedded.lines(node.start_byte, node.end_byte, Inside("text"))
    body = syntax.body_of(root)
    if body is not None:
        reader.file(body)
    if _comment_is_hit(source.data, hits):
        reader.embedded.comments(syntax.comments(root))
    if (null := source.data.find(b"\0")) >= 0:
        gather.problem(null, "a null byte: Terraform refuses the file; it was read as a blank")
    if not _utf8(source.data):
        gather.problem(0, "not UTF-8: Terraform refuses the file")
    return gather.extraction()


def _comment_is_hit(data: bytes, hits: Hits) -> bool:
    """Whether a hit can stand in a comment: behind the mark of one on its line, or in one of several lines."""
    if hits is None or b"/*" in data:
        return True
    for at in hits:
        line = data[data.rfind(b"\n", 0, at) + 1 : at]
        if b"#" in line or b"//" in line:
            return True
    return False


def _utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class Reader:
    def __init__(self, gather: Gather) -> None:
        self.gather = gather
        self.data = gather.source.data
        self.path = gather.source.path
        self.folder = syntax.directory(self.path)
        self.embedded = Embedded(gather)
        self.variables = ".tfvars" in self.path
        self.further = syntax.served(self.path)[1:]
        self.expressions = Expressions(gather, self.embedded)

    # ------------------------------------------------------------ blocks

    def file(self, body: Node) -> None:
        for key, expression in syntax.attributes(body):
            name = syntax.text(key, self.data)
            place = Place((name,), name, key.start_byte)
            if self.variables:
                place = place._replace(
                    scope="tfvars",
                    position=Position.PARAMETER_DEFAULT,
                    note="tfvars",
                    defines=f"{self.folder}#var.{name}",
                )
                for further in self.further:
                    self.gather.refer(
                        key.start_byte, key.end_byte, place.defines, symbol=name, defines=f"{further}#var.{name}"
                    )
            self.expressions.expression(expression, place)
        seen: Counter[tuple[str, ...]] = Counter()
        for block in syntax.blocks(body):
            words = syntax.labels(block, self.data)
            if words:
                number = seen[words]
                seen[words] += 1
                if words[0] in DEFINING or self._interesting(block.start_byte, block.end_byte):
                    self._top(block, words, number)

    def _interesting(self, start: int, end: int) -> bool:
        """Whether the bytes have a hit: without one they hold no argument that a rule names, and nothing that a value could reach, but for
        the password of a URL. Symbols are unique outside of one attribute, so that nothing has to be counted in what is left out."""
        return near(start, end, self.gather.hits) or self.data.find(b":${", start, end) >= 0

    def _top(self, block: Node, words: tuple[str, ...], number: int) -> None:
        kind, *rest = words
        body = syntax.body_of(block)
        if body is None:
            return
        if kind == "variable" and rest:
            self._variable(body, rest[0])
        elif kind == "locals":
            for key, expression in syntax.attributes(body):
                name = syntax.text(key, self.data)
                self.expressions.expression(
                    expression,
                    Place(
                        ("locals", name), name, key.start_byte, scope="locals", defines=f"{self.folder}#local.{name}"
                    ),
                )
        elif kind == "module" and rest:
            self._module(body, words)
        elif kind == "output" and rest:
            for key, expression in syntax.attributes(body):
                name = syntax.text(key, self.data)
                named, extent = (rest[0], block.start_byte) if name == "value" else (name, key.start_byte)
                defines = f"{self.folder}#output.{rest[0]}" if name == "value" else ""
                place = Place((*words, name), named, extent, "output", ".".join(words), defines)
                self.expressions.expression(expression, place)
        else:
            self._plain(body, words, number)

    def _plain(self, body: Node, words: tuple[str, ...], number: int) -> None:
        kind, *rest = words
        resource = {"resource": rest[0] if rest else "", "data": f"data.{rest[0]}" if rest else ""}.get(
            kind, ".".join(words[:2])
        )
        if kind == "provider" and rest:
            alias = syntax.attribute_text(body, "alias", self.data)
            words = (*words, alias) if alias else words
        words = (
            (*words[:-1], f"{words[-1]}[{number}]") if number and not (kind == "provider" and len(words) > 2) else words
        )
        self.body(body, Place(words, resource=resource, scope=".".join(words)))

    def _variable(self, body: Node, name: str) -> None:
        flags = {
            syntax.text(k, self.data): syntax.text(e, self.data)
            for k, e in syntax.attributes(body)
            if syntax.text(k, self.data) in ("sensitive", "ephemeral")
        }
        for key, expression in syntax.attributes(body):
            if syntax.text(key, self.data) == "default":
                # the variable's own name is where the extent begins: the block's start would do as well
                place = Place(
                    ("variable", name, "default"),
                    name,
                    key.start_byte,
                    scope="variables",
                    defines=f"{self.folder}#var.{name}",
                    position=Position.PARAMETER_DEFAULT,
                    note="sensitive" if flags.get("sensitive") == "true" else "",
                )
                if place.note:
                    self.gather.refer(
                        expression.start_byte,
                        expression.end_byte,
                        place.defines,
                        resource="variable",
                        parameter="sensitive",
                    )
                self.expressions.expression(expression, place)

    def _module(self, body: Node, words: tuple[str, ...]) -> None:
        target = syntax.module_directory(self.path, syntax.attribute_text(body, "source", self.data))
        if target is not None and len(words) > 1:
            name = f"{self.folder}#module.{words[1]}"
            self.gather.refer(body.start_byte, body.end_byte, f"{target}#output", symbol=".".join(words), defines=name)
        for key, expression in syntax.attributes(body):
            name = syntax.text(key, self.data)
            if name in ("source", "version", "count", "for_each", "depends_on", "providers"):
                continue
            defines = f"{target}#var.{name}" if target is not None else ""
            self.expressions.expression(
                expression, Place((*words, name), name, key.start_byte, ".".join(words[:1]), ".".join(words), defines)
            )

    def body(self, body: Node, place: Place) -> None:
        if self.expressions.deep(place, body):
            return
        pair = self._pair(body, place)
        for key, expression in syntax.attributes(body):
            if place.resource != PARAMETER and not (pair or self._interesting(key.start_byte, expression.end_byte)):
                continue
            name = syntax.text(key, self.data)
            if pair and name == "value":
                self.expressions.expression(expression, pair)
                continue
            below = place._replace(keys=(*place.keys, name), name=name, extent=key.start_byte, depth=place.depth + 1)
            if place.resource == PARAMETER and name == "value":
                below = self._named(body, below)
            self.expressions.expression(expression, below)
        seen: Counter[str] = Counter()
        for block in syntax.blocks(body):
            words = syntax.labels(block, self.data)
            inner = syntax.body_of(block)
            if not words or inner is None:
                continue
            number = seen[".".join(words)]
            seen[".".join(words)] += 1
            if not self._interesting(block.start_byte, block.end_byte):
                continue
            words = (*words[:-1], f"{words[-1]}[{number}]") if number else words
            below = place._replace(keys=(*place.keys, *words), depth=place.depth + 1)
            note = kind if (kind := words[0].partition("[")[0]) in ("connection", "provisioner") else place.note
            resource = ".".join(words) if kind == "backend" else place.resource
            self.body(inner, below._replace(scope=below.symbol, note=note, resource=resource))

    def _pair(self, body: Node, place: Place) -> Place | None:
        """The place of a ``value`` whose ``name`` stands beside it in a nested block: a variable of a build, a setting of an environment.
        What is the name of a secret or parameter there (``type``) is no value."""
        if place.depth < 1 or place.resource == PARAMETER:
            return None
        rows = {syntax.text(k, self.data): e for k, e in syntax.attributes(body)}
        literal = syntax.literal_string(rows["name"]) if "name" in rows and "value" in rows else None
        if literal is None or syntax.attribute_text(body, "type", self.data) in FETCHED:
            return None
        name = syntax.string_value(literal, self.data)
        first = min(rows["name"].start_byte, rows["value"].start_byte)
        return place._replace(
            keys=(*place.keys, name), name=name, extent=first, extent_end=literal.end_byte, depth=place.depth + 1
        )

    def _named(self, body: Node, place: Place) -> Place:
        """A parameter's value is called what the parameter is: ``/prod/shop/DB_PASSWORD`` → ``DB_PASSWORD``. By its type alone a
        ``String`` is no secret."""
        rows = {syntax.text(k, self.data): e for k, e in syntax.attributes(body)}
        name, kind = rows.get("name"), syntax.attribute_text(body, "type", self.data)
        if kind != "SecureString":
            place = place._replace(resource="")
        last = re.split(r"[/.]", syntax.text(name, self.data).strip('"'))[-1] if name is not None else ""
        if name is None or not re.fullmatch(r"[\w-]+", last):
            return place
        return place._replace(name=last, extent=min(place.extent, name.start_byte), extent_end=name.end_byte)
