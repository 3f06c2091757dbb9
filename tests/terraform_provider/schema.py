"""The AWS provider's schema, read out of the bindings that are generated from it for CDK Terrain (``cdktn-provider-aws``).

The bindings are JavaScript. For each attribute they hold a comment with its flags, a getter that tells its type, and an entry that
tells whether it is a block. The result has the shape of ``terraform providers schema -json``.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Block = dict[str, Any]

_RESOURCE = re.compile(r"package/lib/(?!data-aws|provider/)[\w-]+/index\.js")
_CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) ", re.M)
_FLAGS = re.compile(r"// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)")
_ENTRY = re.compile(
    r'(\w+): \{\s*value: (.*?),\s*isBlock: (true|false),\s*type: "(\w+)",\s*storageClassType: "(\w+)",\s*\}', re.S
)
_SIMPLE = {"string": "string", "number": "number", "boolean": "bool"}
_GETTERS: Mapping[str, object] = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getListAttribute": ["list", "string"],
    "getNumberListAttribute": ["list", "number"],
    "getStringMapAttribute": ["map", "string"],
    "getNumberMapAttribute": ["map", "number"],
    "getBooleanMapAttribute": ["map", "bool"],
}
_SECTIONS = {
    "TerraformResource": "resource_schemas",
    "TerraformDataSource": "data_source_schemas",
    "TerraformEphemeralResource": "ephemeral_resource_schemas",
}


def extract(wheel: Path, folders: Iterable[str]) -> dict[str, Any]:
    """The schema of the provider and of what the package's ``folders`` (``kms-key``, ``data-aws-region``) define."""
    wanted = {f"package/lib/{folder}/index.js": folder for folder in ("provider", *folders)}
    found: dict[str, Any] = {"provider": None, **{section: {} for section in _SECTIONS.values()}}
    missing = set(wanted.values())
    for path, text in _members(wheel, set(wanted)):
        missing.discard(wanted[path])
        _add(found, _Bindings(text))
    if missing:
        raise ValueError(f"the package has no {', '.join(sorted(missing))}")
    return found


def resources(wheel: Path) -> dict[str, Any]:
    """The schema of every resource type that the package defines, but for a few whose bindings have a form of their own."""
    found: dict[str, Any] = {section: {} for section in _SECTIONS.values()}
    for _, text in _members(wheel, None):
        try:
            _add(found, _Bindings(text))
        except ValueError:
            continue
    return dict(sorted(found["resource_schemas"].items()))


def _members(wheel: Path, paths: set[str] | None) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".jsii.tgz"))
        data = archive.read(name)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as inner:
        for member in inner:
            if member.name in paths if paths is not None else _RESOURCE.fullmatch(member.name):
                file = inner.extractfile(member)
                assert file is not None
                yield member.name, file.read().decode()


def _add(found: dict[str, Any], bindings: _Bindings) -> None:
    for name, (base, body) in bindings.classes.items():
        if base == "TerraformProvider":
            block = bindings.block(name, body, _attributes_of(body))
            del block["attributes"]["alias"]  # Terraform's own meta-argument
            found["provider"] = {"version": 0, "block": block}
        elif base in _SECTIONS:
            kind = re.search(r'tfResourceType = "(\w+)"', body)
            assert kind is not None
            found[_SECTIONS[base]][kind[1]] = {"version": 0, "block": bindings.block(name, body, _attributes_of(body))}


def _attributes_of(body: str) -> str:
    start = body.find("synthesizeHclAttributes()")
    return _braces(body, start) if start >= 0 else ""


def _braces(text: str, start: int) -> str:
    """The text of the braces that open first after ``start``."""
    opened = text.index("{", start)
    depth = 0
    for at in range(opened, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[opened : at + 1]
    raise ValueError("braces do not balance")


class _Bindings:
    """One JavaScript file."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.classes = {m[1]: (m[2], _braces(text, m.end() - 1)) for m in _CLASS.finditer(text)}

    def block(self, name: str, body: str, entries: str) -> Block:
        """Attributes and nested blocks of one class. ``entries`` is the code that says which of them are blocks."""
        write_only = set(re.findall(r"(\w+): this\.markWriteOnlyAttribute", body))
        kinds = {m[1]: m.groups()[1:] for m in _ENTRY.finditer(entries)}
        found: Block = {"attributes": {}, "block_types": {}}
        for attribute, computed, optional, required in _FLAGS.findall(body):
            flags = {"computed": computed, "optional": optional, "required": required}
            flagged: dict[str, Any] = {key: True for key, value in flags.items() if value == "true"}
            if attribute in write_only:
                flagged |= {"write_only": True, "sensitive": True}
            entry = kinds.get(attribute)
            if entry and entry[1] == "true":
                found["block_types"][attribute] = self._nested(entry, required == "true")
            else:
                kind = _entry_type(entry) if entry else self._getter_type(attribute, body)
                found["attributes"][attribute] = {"type": kind, **(flagged or {"computed": True})}
        return found

    def _nested(self, entry: tuple[str, ...], required: bool) -> Block:
        value, _, kind, _ = entry
        function = re.search(r"(\w+)ToHclTerraform", value)
        assert function is not None
        entries = _braces(self.text, self.text.index(f"function {function[1]}ToHclTerraform(struct)"))
        base = function[1][0].upper() + function[1][1:]
        # the provider's own blocks have no class of their own, and every attribute of theirs is optional
        flags = "".join(
            f"// {m[1]} - computed: false, optional: true, required: false\n" for m in _ENTRY.finditer(entries)
        )
        body = self.classes.get(f"{base}OutputReference", ("", flags))[1]
        single = f"{base}List" not in self.classes
        mode = "single" if kind == "struct" else "set" if kind == "set" else "list"
        nested: Block = {"nesting_mode": mode, "block": self.block(base, body, entries)}
        if single and mode != "single":
            nested["max_items"] = 1
        return {**nested, **({"min_items": 1} if required else {})}

    def _getter_type(self, attribute: str, body: str) -> object:
        for getter, kind in _GETTERS.items():
            if re.search(rf"{getter}\(['\"]{attribute}['\"]\)", body):
                return kind
        map_class = re.search(rf"new \w*StringMap\(this, ['\"]{attribute}['\"]", body)
        return ["map", "string"] if map_class else "dynamic"


def _entry_type(entry: tuple[str, ...]) -> object:
    _, _, kind, storage = entry
    if kind == "simple":
        return _SIMPLE.get(storage, "dynamic")
    member = re.match(r"(string|number|boolean)(?:List|Map)\Z", storage)
    if not member:
        return "dynamic"
    return [kind, _SIMPLE[member[1]]]


def write(wheel: Path, folders: Iterable[str], target: Path) -> None:
    """Puts the schema as JSON at ``target``, whole or not at all."""
    text = json.dumps(extract(wheel, folders), indent=0, sort_keys=True)
    partial = target.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(target)
