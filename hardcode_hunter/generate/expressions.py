"""Terraform's expressions: how the symbols of a policy are written in HCL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hardcode_hunter.generate import quoting
from hardcode_hunter.generate.quoting import Raw
from hardcode_hunter.generate.symbols import Flat, Many, One, Text, When

LOCALS = {
    "partition": "local.partition",
    "region": "local.region",
    "account": "local.account",
    "url-suffix": "local.url_suffix",
}
PEOPLE = {"administrators": "var.administrator_arns", "deployers": "var.deployer_arns", "writers": "var.writer_arns"}


class Expressions:
    """What each symbol is in one root module. ``one`` and ``many`` know those of this module, ``write`` the rest."""

    def one(self, symbol: One) -> str:
        return LOCALS[symbol.name]

    def many(self, symbol: Many) -> str:
        return PEOPLE[symbol.name]

    def given(self, secret: str) -> str:
        """The variable that says whether a conditional statement about ``secret`` stands."""
        raise KeyError(secret)

    def write(self, value: object) -> object:
        """``value`` with every symbol replaced by an expression."""
        if isinstance(value, Text):
            return Raw(quoting.hcl_template([p if isinstance(p, str) else Raw(self.one(p)) for p in value.parts]))
        if isinstance(value, One):
            return Raw(self.one(value))
        if isinstance(value, Many):
            return Raw(self.many(value))
        if isinstance(value, Flat):
            lists = [self.many(p) for p in value.parts if isinstance(p, Many)]
            return Raw(concat([self.write(p) for p in value.parts if not isinstance(p, Many)], lists))
        if isinstance(value, Mapping):
            return {k: self._statements(v) if k == "Statement" else self.write(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.write(v) for v in value]
        return value

    def _statements(self, value: object) -> object:
        """Statements; one that is conditional stands last and is cut off when its input is not given."""
        assert isinstance(value, list)
        written = [self.write(s.statement if isinstance(s, When) else s) for s in value]
        conditional = [s for s in value if isinstance(s, When)]
        if not conditional:
            return written
        assert conditional == value[-1:], "only the last statement can be conditional"
        given = f"{self.given(conditional[0].of)} != null ? {len(written)} : {len(written) - 1}"
        return Raw(f"slice({quoting.hcl_value(written, 4)}, 0, {given})")


def concat(singles: Sequence[object], lists: Sequence[str]) -> str:
    own = ", ".join(quoting.hcl_value(v) for v in singles)
    parts = [*([f"[{own}]"] if own else []), *lists]
    return parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"
