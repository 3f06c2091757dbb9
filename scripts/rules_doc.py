"""Writes ``docs/rules.md`` from the rule files.

    python scripts/rules_doc.py [--check]

``--check`` writes nothing and exits 1 when the page is not what the rules say.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hardcode_hunter import ruleset
from hardcode_hunter.checksums import CHECKS
from hardcode_hunter.cli.rules import page
from hardcode_hunter.ruleset import PARSED_ROLE, PUBLIC_ROLES, SECRET_ROLES, Rule
from hardcode_hunter.ruleset.samples import ALPHABETS, MADE

TARGET = Path(__file__).resolve().parent.parent / "docs" / "rules.md"

GUIDE = """\
# Rules

This page is generated: `python scripts/rules_doc.py`. The rules are `rules/*.yaml`; `hardcode-hunter rules check` runs every example
and near miss in them through the whole path of a scan.

## How a literal becomes a finding

Asked in this order, the surest first:

1. **Where it goes**: it is passed to a library call's parameter (`calls`), stands in a resource's property (`properties`) or under a path
   that a framework reads (`symbols`), directly or through constants, parameters and modules. Any value counts there, also a weak word:
   `psycopg2.connect(password="root")` is a live password. Only what is no value doesn't: nothing, a mask, a reference.
2. **What it looks like**: a provider's token (`values`), or a URL, connection string or header value with a credential in it (`schemes`).
3. **What it is called** (`names`), if the value could be one: not a placeholder, a path, a sentence, a hash, a name, or its own name again.
   `strength` says how much the value must look generated: `word` (passwords), `fair` (tokens), `strong` (names that say little), `any`.

**Confidence** says how sure that is. **Verdict** says what to do: `migrate`, `report` (in documentation, a comment, a comparison, a kind of
file that isn't rewritten, a resource of another cloud) or `test-value` (in a test, or made of test words), which doesn't fail a gate alone.

## Writing a rule

A rule file holds a list of rules. A folder of them is added with `extra-rules = ["my-rules"]` in `hardcode-hunter.toml`; they extend the
built-in ones.

```yaml
- id: harbour-token                 # names the thing, not the remedy
  title: harbour office token
  description: A token of the harbour office. It books berths in its owner's name.
  severity: high                    # low, medium, high, critical
  kind: api-key                     # {kinds}
  confidence: high                  # the most that a finding of this rule gets
  role: token                       # its key in the secret, see below
  match:                            # at least one of these
    calls:
      - callee: [harbour.Client]    # as imports resolve it; ?.login is that method on whatever receiver
        roles: {{token: [token, "#0"], host: [url]}}   # role: parameters, positions from 0; auth[1] and config.password reach inside
        documentation: https://harbour.example/docs/client
    names: ["harbour_(?:[a-z0-9]+_)?{{token}}"]        # what the name ends with, in snake_case, without numbers; {{password}}, {{secret}}, {{token}}, {{api_key}} stand for their variants
    not_names: ["harbour_page_token"]                # but not these
    symbols: [harbour.token]                         # a structural path that ends so
    values:                                          # what a value looks like; linear, with an upper bound on every repeat
      - {{regex: "hbr_[A-Za-z0-9]{{30}}[A-Za-z0-9]{{6}}", check: base62-crc32, wrong: medium, sample: "<<crc|hbr_|30>>"}}
    properties: [AWS::Harbour::Berth.Token, aws_harbour_berth.token]
    schemes: [harbour]                               # of URLs, or an engine
  strength: fair                    # optional
  precedence: 1                     # optional: asked before rules of a lower one
  store: {{home: secretsmanager, why: "it can be renewed where it was issued"}}   # or parameter-store, managed-password, role
  rotation: {{name: none, why: "the office issues it"}}                          # or the name of a rotation
  references: ["https://harbour.example/docs/tokens"]
  examples:                         # at least two, each found by this rule; those that a sample makes count
    - language: python
      text: |
        TOKEN = "<<crc|hbr_|30>>"
      expect: {{role: token, line: 1, confidence: high}}    # also symbol, verdict, engine, fields, or another rule
    - language: terraform
      text: ...
  near_misses:                      # at least two, each found by no rule
    - ...
```

Roles that are findings: {secret}.
Roles that stand beside them and are moved along: {public}. `{parsed}` is a parameter that takes a URL or connection string, whose parts count.

A pattern's `check` is a checksum or structure that the provider gives to all of its tokens: {checks}. A token that fails it gets the
confidence `wrong` (`medium` unless said), or is none (`drop`). `confidence` is the most that a match of this pattern gets. From a `sample` the
check makes examples (the token alone, in Python, a `.env` file and YAML) and near misses (masked, cut short). Where a pattern has no word that
every match holds, `keywords` names words of which each match holds one: the first pass looks for them.

No token-like literal stands in a rule file: `<<hbr_|alnum|32>>` is put together when the example runs, the same every time. Alphabets:
{alphabets}. Whole tokens are made by {made}: `<<pem|RSA PRIVATE KEY>>`, `<<crc|ghp_|30>>` (a token that ends in its checksum).

`hardcode-hunter rules check --cost --over PATH` measures what each rule costs over a tree, the dearest first: CPU, places that hold its words,
places that are a reason to parse a file, values and names that its patterns were tried on, and matches. Give rule files to see those alone.

"""


def text(rules: tuple[Rule, ...]) -> str:
    """The whole page."""
    kinds = sorted({rule.kind for rule in rules})
    guide = GUIDE.format(
        kinds=", ".join(kinds),
        secret=", ".join(f"`{role}`" for role in sorted(SECRET_ROLES)),
        public=", ".join(f"`{role}`" for role in sorted(PUBLIC_ROLES)),
        parsed=PARSED_ROLE,
        checks=", ".join(f"`{name}`" for name in CHECKS),
        made=", ".join(f"`{name}`" for name in MADE),
        alphabets=", ".join(f"`{name}`" for name in ALPHABETS),
    )
    callees = {call.callee for rule in rules for call in rule.calls}
    values = sum(len(rule.values) for rule in rules)
    counts = f"## The {len(rules)} rules\n\n{len(callees)} library calls, {values} patterns of values.\n"
    table = "".join(
        f"\n| {kind} | {', '.join(f'[{r.id}](#{r.id})' for r in rules if r.kind == kind)} |" for kind in kinds
    )
    pages = "\n\n".join(page(rule, shown=1) for rule in sorted(rules, key=lambda r: r.id))
    return f"{guide}{counts}\n| kind | rules |\n|---|---|{table}\n\n{pages}\n"


def main() -> int:
    wanted = text(ruleset.with_samples([ruleset.home()]))
    if "--check" in sys.argv[1:]:
        return int(not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != wanted)
    TARGET.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
