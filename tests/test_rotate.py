"""The gate: nobody may hold the old value when rotation is switched on. And the table that says how far each secret is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hardcode_hunter.interpolation import interpolations
from hardcode_hunter.journal import Journal
from hardcode_hunter.model import (
    Consumer,
    Copy,
    Evaluated,
    Finding,
    Home,
    Observation,
    Obstacle,
    Order,
    Plan,
    Problem,
    Question,
    RotationChoice,
    Skip,
    Source,
    Verdict,
    Verification,
)
from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotate import gate
from hardcode_hunter.state import open_state
from hardcode_hunter.status import Row, rows
from hardcode_hunter.verify import Search, verify
from tests.store_fixtures import DATABASE, NAME, plan_of
from tests.test_verify import GOOD, finding

ROTATIONS = load("rotations", Rotation)
SINGLE = next(r for r in ROTATIONS.values() if r.users == "single")
READER = Consumer("shop/db.py", 12, "connect")
ROTATED = replace(DATABASE, rotation=RotationChoice(SINGLE.name), consumers=(READER,))


def obstacles(
    plan: Plan, found: tuple[Finding, ...] = (), search: Search | None = None, seen: object = None, **more: object
) -> tuple[Obstacle, ...]:
    verification = verify(plan, found, GOOD if seen is None else seen, search or Search())  # type: ignore[arg-type]
    return gate(plan, ["db"], found, verification, more.pop("rotations", ROTATIONS), **more)  # type: ignore[arg-type]


def codes(found: tuple[Obstacle, ...]) -> list[tuple[str, str, int]]:
    return [(o.code, o.path, o.line) for o in found]


def test_nothing_in_the_way() -> None:
    assert obstacles(plan_of(ROTATED)) == ()


def test_a_literal_that_was_not_rewritten_is_named() -> None:
    (found,) = obstacles(plan_of(ROTATED), (finding(),))
    assert str(found) == "settings.py:4: db: PASSWORD still holds the value"


def test_it_flips_when_the_last_holder_is_gone() -> None:
    holders = (finding(), finding("3" * 16, "jobs/report.py", 9, digest="same"))
    digests = {"db": frozenset(["same"])}
    for count in (2, 1, 0):
        assert len(obstacles(plan_of(ROTATED), holders[:count], digests=digests)) == count


def test_an_unplanned_literal_with_the_same_value_is_a_holder() -> None:
    other = finding("3" * 16, "jobs/report.py", 9, digest="same")
    assert codes(obstacles(plan_of(ROTATED), (other,), digests={"db": frozenset(["same"])})) == [
        ("holds-value", "jobs/report.py", 9)
    ]
    assert obstacles(plan_of(ROTATED), (other,), digests={"other": frozenset(["same"])}) == (), "another secret's"
    assert (
        obstacles(plan_of(ROTATED), (replace(other, verdict=Verdict.TEST_VALUE),), digests={"db": frozenset(["same"])})
        == ()
    )


def test_a_copy_is_a_holder_and_told_once() -> None:
    search = Search(
        (
            Copy("settings.py", 4, "db", "password", "raw"),
            Copy("docker-compose.yml", 7, "db", "password", "raw"),
            Copy("README", 1, "db", "password", "raw", counts=False),
            Copy("other.txt", 3, "mail", "password", "raw"),
        )
    )
    assert codes(obstacles(plan_of(ROTATED), (finding(),), search)) == [
        ("holds-value", "docker-compose.yml", 7),
        ("holds-value", "settings.py", 4),
    ]


@pytest.mark.parametrize("reads", list(Evaluated))
@pytest.mark.parametrize("restart", ["", "ecs: force a new deployment on the label event"])
@pytest.mark.parametrize("users", ["single", "alternating"])
def test_a_consumer_that_reads_once_needs_a_restart_or_alternating_users(
    reads: Evaluated, restart: str, users: str
) -> None:
    secret = replace(ROTATED, consumers=(replace(READER, reads=reads, restart=restart),))
    found = obstacles(plan_of(secret), rotations={SINGLE.name: replace(SINGLE, users=users)})
    expected = reads is not Evaluated.CALL and not restart and users == "single"
    assert codes(found) == ([("reads-at-start", "shop/db.py", 12)] if expected else [])


@pytest.mark.parametrize("name", sorted(ROTATIONS))
def test_only_alternating_users_let_a_consumer_keep_the_old_value(name: str) -> None:
    secret = replace(ROTATED, rotation=RotationChoice(name), consumers=(replace(READER, reads=Evaluated.IMPORT),))
    expected = [] if ROTATIONS[name].users == "alternating" else ["reads-at-start"]
    assert [o.code for o in obstacles(plan_of(secret))] == expected


@pytest.mark.parametrize(
    ("symbol", "holds"),
    [
        ("Resources/Db/Properties/MasterUserPassword", False),
        ("Resources/Fn/Properties/Environment/Variables/DB_PASSWORD", True),
        ("resource.aws_db_instance.main.password", False),
        ("resource.aws_mq_broker.main.user.password", False),
        ("resource.aws_lambda_function.fn.environment.variables.PASSWORD", True),
        ("variable.db_password.default", True),
    ],
)
def test_the_resource_whose_password_it_is_holds_no_copy(symbol: str, holds: bool) -> None:
    secret = replace(ROTATED, consumers=(Consumer("stack", 3, symbol, Evaluated.DEPLOY),))
    assert [o.code for o in obstacles(plan_of(secret))] == (["reads-at-start"] if holds else [])


def test_a_secret_without_rotation_or_with_a_question_is_refused() -> None:
    never = replace(DATABASE, rotation=RotationChoice("none", "a new signing key invalidates every session"))
    (found,) = obstacles(plan_of(never))
    assert (found.code, found.why) == ("no-rotation", "a new signing key invalidates every session")
    asked = replace(ROTATED, questions=(Question("q", "Is it one?"),))
    assert [o.code for o in obstacles(plan_of(asked))] == ["question"]


def test_a_secret_that_is_not_in_the_store_is_refused() -> None:
    assert [o.code for o in obstacles(plan_of(ROTATED), seen={"db": Observation("db", NAME, True)})] == ["not-stored"]
    assert [o.code for o in obstacles(plan_of(ROTATED), seen={})] == ["unknown"]
    other = replace(ROTATED, id="other")
    assert obstacles(plan_of(ROTATED, other)) == (), "that another secret's store can't be reached is no obstacle"


def test_a_file_that_could_not_be_searched_is_an_obstacle() -> None:
    unread = Search(problems=(Problem("dump.sql", 0, "cannot be read", fatal=True),))
    assert codes(obstacles(plan_of(ROTATED), search=unread)) == [("unknown", "dump.sql", 1)]


def test_deployments_count_where_they_are_recorded() -> None:
    assert [o.code for o in obstacles(plan_of(ROTATED), deployed=[])] == ["not-deployed"]
    assert (
        "`hardcode-hunter status --deployed db shop/db.py:connect`" in obstacles(plan_of(ROTATED), deployed=[])[0].why
    )
    assert obstacles(plan_of(ROTATED), deployed=[("db", "shop/db.py:connect")]) == ()


STRING = interpolations(
    Source("shop/db.py", b'u = f"postgresql://shop:{PASSWORD}@db/shop"\n', "python"), ["PASSWORD"], consumer=True
)


@pytest.mark.parametrize(("excluded", "broken"), [("/?#@:%[]", False), ("/?#@:[]", True), ("", True)])
def test_a_string_that_a_random_password_breaks_is_named(excluded: str, broken: bool) -> None:
    kinds = {SINGLE.name: replace(SINGLE, exclude_characters=excluded)}
    found = obstacles(plan_of(ROTATED), rotations=kinds, strings={"db": STRING})
    assert codes(found) == ([("breaks-string", "shop/db.py", 1)] if broken else [])
    assert all("puts PASSWORD as it is into a URL" in str(one) for one in found)
    assert obstacles(plan_of(ROTATED), rotations=kinds, strings={"other": STRING}) == ()


def test_the_real_rotations_break_no_url() -> None:
    for rotation in (r for r in ROTATIONS.values() if r.engines):
        assert [one.broken_by(rotation) for one in STRING] == [""]


def test_a_consumer_in_another_tree_is_recorded_there() -> None:
    secret = replace(ROTATED, consumers=(replace(READER, path="../service-b/app.py"),))
    command = "hardcode-hunter status ../service-b --deployed db app.py:connect"
    recorded = {("db", "../service-b/app.py:connect"): command}
    (found,) = obstacles(plan_of(secret), deployed=[], recorded=recorded)
    assert command in found.why


def test_only_the_secrets_that_were_asked_for_are_looked_at() -> None:
    other = replace(ROTATED, id="other", consumers=(replace(READER, reads=Evaluated.IMPORT),))
    assert gate(plan_of(ROTATED, other), ["db"], (), Verification(), ROTATIONS) == ()


# ---------------------------------------------------------------- status


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    (tmp_path / "tree").mkdir()
    state = open_state(tmp_path / "tree", {"XDG_STATE_HOME": str(tmp_path / "state")})
    state.locked = True
    return Journal(state)


def row(plan: Plan, journal: Journal, found: tuple[Finding, ...] = (), **more: object) -> Row:
    return rows(plan, found, journal, **more)[0]  # type: ignore[arg-type]


def test_the_row_follows_the_migration(journal: Journal) -> None:
    plan = plan_of(ROTATED)
    first = row(plan, journal, (finding(),))
    assert (first.found, first.stored, first.rewritten, first.deployed, first.rotated) == (
        1,
        "no",
        0,
        "not told",
        "off",
    )
    assert first.next == "deploy the stack, then `hardcode-hunter apply`"
    deployed = row(plan, journal, (finding(),), observations={"db": Observation("db", NAME, True)})
    assert deployed.next == "`hardcode-hunter apply`"
    journal.note("db", "stored", version="1")
    assert row(plan, journal, (finding(),)).next == "`hardcode-hunter apply`"
    assert (row(plan, journal).rewritten, row(plan, journal).next) == (
        1,
        "deploy the code, then `hardcode-hunter status --deployed`",
    )
    journal.note("db", "deployed", consumer=READER.name)
    assert (row(plan, journal).deployed, row(plan, journal).next) == ("1 of 1", "`hardcode-hunter rotate`")
    journal.note("db", "rotation-on")
    assert (row(plan, journal).rotated, row(plan, journal).next) == ("on", "nothing")


def test_what_no_rewrite_can_do_is_for_a_person(journal: Journal) -> None:
    journal.note("db", "stored", version="1")
    skip = Skip("1" * 16, "settings.py", 4, "decorator", "it is read before the module is loaded")
    plan = replace(plan_of(ROTATED), skips=(skip,))
    assert row(plan, journal, (finding(),)).next == "move it by hand: settings.py:4 (decorator)"


def test_what_the_store_says_wins_over_the_journal(journal: Journal) -> None:
    journal.note("db", "stored", version="1")
    assert row(plan_of(ROTATED), journal, observations={"db": Observation("db", NAME)}).stored == "no"
    assert row(plan_of(ROTATED), journal, observations={"db": Observation("db", NAME, error="denied")}).stored == "yes"


def test_other_states(journal: Journal) -> None:
    assert row(plan_of(ROTATED), journal, waiting={"db"}).stored == "kept here"
    assert row(plan_of(ROTATED), journal, waiting={"db"}).next.endswith("`hardcode-hunter store`")
    assert row(plan_of(replace(ROTATED, home=Home.ROLE)), journal).stored == "not needed"
    assert row(plan_of(ROTATED, order=Order.ADOPT), journal).next == "`hardcode-hunter apply`"
    asked = replace(ROTATED, questions=(Question("q", "Is it one?"),))
    assert row(plan_of(asked), journal).next == "answer in the plan: Is it one?"
    never = replace(DATABASE, rotation=RotationChoice("none", "renew it there"))
    journal.note("db", "stored", version="1")
    first = row(plan_of(never), journal)
    assert first.rotated == "never"
    assert first.next.startswith(
        "renew it where it was issued (renew it there), then `hardcode-hunter status --revoked db"
    )
    journal.note("db", "revoked", because="the vendor says so")
    assert (row(plan_of(never), journal).rotated, row(plan_of(never), journal).next) == ("renewed", "nothing")
