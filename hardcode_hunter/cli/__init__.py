"""The command line: one module per command, loaded only when it is called. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback

import click

from hardcode_hunter import __version__
from hardcode_hunter.cli._seal import complain, sealed
from hardcode_hunter.errors import HardcodeHunterError

ORDER = ("scan", "plan", "apply", "store", "status", "verify", "rotate", "undo", "report", "rules", "baseline")


class Commands(click.Group):
    """A group whose commands are the modules of this package: each defines a command of its own name."""

    def list_commands(self, context: click.Context) -> list[str]:
        names = {info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")}
        return sorted(names, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{name}"), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="hardcode-hunter")
def commands() -> None:
    """Finds hardcoded credentials in Python, CloudFormation and Terraform, and moves them into AWS Secrets Manager.

    \b
    hardcode-hunter scan .      what is there
    hardcode-hunter plan .      what would become of it, as a diff and a plan to edit
    hardcode-hunter apply       takes the plan as far as it can go, and says what waits
    hardcode-hunter verify      what is left
    hardcode-hunter rotate ID   switches rotation on, when no known consumer still holds the value

    Exit status: 0 done or clean, 1 findings or something waits, 2 error.
    """


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "hardcode_hunter" in f.filename] or frames
    return ", ".join(
        f"{f.filename.rpartition('hardcode_hunter')[2].lstrip('/')}:{f.lineno} {f.name}" for f in ours[-3:]
    )


def main() -> None:
    """Entry point."""
    with sealed():
        status = _run()
    sys.exit(status)


def _run() -> int:
    """The exit status. The one place where errors become messages and statuses."""
    try:
        status = commands.main(prog_name="hardcode-hunter", standalone_mode=False)
    except HardcodeHunterError as error:
        complain(f"error: {error}")
        status = error.exit_code
    except click.ClickException as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
        else:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "hardcode-hunter"
            complain(f"error: {error.format_message()} (see {command} --help)")
        status = 2
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted; nothing was left half written")
        status = 130
    except BrokenPipeError:
        status = 141
    except Exception as error:
        # the message of a foreign exception can quote what it choked on: say where it happened instead
        complain(
            f"error: {type(error).__name__} at {_place(error)}; this is a defect of hardcode-hunter, please report it"
        )
        status = 2
    return status if isinstance(status, int) else 0
