"""``make demo``: the main job on the bundled legacy application, told step by step. Everything stays on loopback and in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.embedded import Absent
from tests.embedded.aws import embedded_aws
from tests.embedded.postgres import embedded_postgres
from tests.journey import ROOT, Journey, Ran

PLACE = ROOT / ".demo"
SHOWN = 14  # lines of a command's output; the rest is in the log


class Teller:
    """Numbers the steps, shows the first lines of each command and keeps all of it in a log."""

    def __init__(self, log: Path) -> None:
        self.log = log.open("w", encoding="utf-8")
        self.number = 0
        self.bold = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")

    def step(self, title: str) -> None:
        self.number += 1
        print(f"\n{self.bold[0]}{self.number}. {title}{self.bold[1]}", flush=True)

    def said(self, text: str) -> None:
        """What a command printed."""
        self.log.write(text + "\n")
        self.log.flush()
        lines = text.rstrip().splitlines()
        hidden = len(lines) - SHOWN - 1
        shown = lines if hidden <= 3 else [*lines[: SHOWN - 2], f"… {hidden + 1} more lines …", *lines[-2:]]
        print("\n".join(f"   {line[:160]}" for line in shown), flush=True)

    def note(self, text: str) -> None:
        print(f"   {text}", flush=True)


def expect(ran: Ran, *statuses: int) -> None:
    """A step that ended otherwise than it should ends the demonstration."""
    if ran.status not in statuses:
        sys.exit(f"`hardcode-hunter {' '.join(ran.words)}` exited {ran.status}; expected {statuses[0]}\n{ran.err}")


def demonstrate(journey: Journey, tell: Teller) -> None:
    tell.step(
        "A legacy shop (Flask, psycopg2, mail, a carrier's API, CloudFormation, Terraform), with its credentials in the code"
    )
    journey.check_out()
    tell.note(f"its copy: {journey.tree}")
    legacy = journey.run_legacy()
    tell.note(
        f"it runs against a real PostgreSQL {journey.postgres.version}: {len(legacy.steps)} observations written down"
    )
    tell.step("scan: what is there")
    expect(journey.scan(), 1)
    tell.step("plan: what would become of it. Nothing is touched")
    expect(journey.plan(), 1)
    journey.edit_plan()
    tell.note(
        f"edited by hand, as a person would: the database's address, the application's role. See {journey.tree / 'migration/plan.yaml'}"
    )
    tell.step("apply: the infrastructure first, with empty secrets. It stops for the deployment")
    expect(journey.apply_infrastructure(), 1)
    tell.step("the deployment, on an embedded AWS")
    journey.deploy_shell()
    tell.note(
        f"stack deployed from {journey.tree / 'migration/production/secrets.yaml'}; the page that says how: migration/ROLL-OUT.md"
    )
    tell.step("apply again: each live value is stored and read back, only then the code is rewritten")
    expect(journey.apply_code(), 0)
    changed = subprocess.run(
        ["git", "-C", str(journey.tree), "diff", "--stat", "--", ":!migration"],
        capture_output=True,
        text=True,
        check=True,
    )
    tell.said(changed.stdout)
    tell.step("the same application, with its values from Secrets Manager")
    differences = journey.run_migrated().differences(legacy)
    if differences:
        sys.exit("it behaves otherwise:\n" + "\n".join(differences))
    tell.note(f"all {len(legacy.steps)} observations are the same")
    tell.step(
        "scan and verify: the code is clean. What no rotation can renew stays exposed until its issuer has renewed it"
    )
    expect(journey.scan_again(), 0)
    expect(journey.verify(), 1)
    renewed = journey.renew()
    tell.note(f"renewed where they were issued, put into the store, and recorded: {', '.join(renewed)}")
    expect(journey.verify(), 0)
    rotation(journey, tell)


def rotation(journey: Journey, tell: Teller) -> None:
    secret = journey.database_secret()
    tell.step("rotate: refused until the rewritten code is known to be deployed")
    expect(journey.hunter("rotate", secret), 1)
    expect(journey.hunter("status", "--deployed", secret, "all"), 0)
    expect(journey.switch_rotation_on(), 0)
    tell.step("the emitted rotation Lambda, on the real database, while the application runs")
    answers = journey.rotate_while_running()
    if any(status != 200 for status, _ in answers):
        sys.exit("the application failed after the rotation")
    tell.note("the application went on without a restart")
    if journey.old_password_accepted():
        sys.exit("the old password still opens the database")
    tell.note("the password that stood in the code is refused by the database")


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    (PLACE / ".gitignore").write_text("*\n")
    tell = Teller(PLACE / "log.txt")
    try:
        with embedded_aws() as aws, embedded_postgres() as postgres:
            demonstrate(Journey(PLACE, aws, postgres, told=tell.said), tell)
    except Absent as absent:
        print(f"the demonstration needs a PostgreSQL server: {absent}", file=sys.stderr)
        return 1
    tell.step(f"done in {time.monotonic() - started:.0f} s")
    tell.note(
        f"look around: {PLACE / 'shop'} (git diff), {PLACE / 'shop/migration'}, everything that was printed: {PLACE / 'log.txt'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
