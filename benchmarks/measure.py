"""CPU, wall time and memory of commands that take turns."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass(slots=True)
class Row:
    """What one tool took, run after run: CPU and wall seconds, and MiB of the largest process."""

    name: str
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def once(command: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """CPU and wall seconds and MiB of one run. Raises ``RuntimeError`` for a status that no scanner ends with after a scan."""
    started = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(list(command), cwd=folder, stdout=nowhere, stderr=nowhere, stdin=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode not in (0, 1, 200):
        raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


def side_by_side(commands: Mapping[str, Sequence[str]], folder: Path, runs: int) -> list[Row]:
    """One run of each command, ``runs`` times over, after one that does not count."""
    rows = {name: Row(name) for name in commands}
    for command in commands.values():
        once(command, folder)
    for _ in range(runs):
        for name, command in commands.items():
            cpu, wall, memory = once(command, folder)
            rows[name].cpu.append(cpu)
            rows[name].wall.append(wall)
            rows[name].memory.append(memory)
    return list(rows.values())


def table(rows: Sequence[Row]) -> str:
    """Medians, and each as a multiple of the first row's."""
    first = rows[0]
    lines = [f"{'':36} {'CPU s':>8} {'wall s':>8} {'MiB':>6}  {first.name} = 1 (CPU, wall)"]
    for row in rows:
        cpu, wall = median(row.cpu), median(row.wall)
        lines.append(
            f"{row.name:36} {cpu:8.2f} {wall:8.2f} {median(row.memory):6.0f}"
            f"  {cpu / median(first.cpu):.2f} {wall / median(first.wall):.2f}"
        )
    return "\n".join(lines)


def own_memory() -> float:
    """MiB that this process has used at most: what no child can be seen to stay below."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
