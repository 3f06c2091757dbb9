"""Real servers on loopback for the tests and the demonstration: PostgreSQL, an AWS endpoint, a mail server, a web API.

Each is a context manager that lets the operating system choose the port, proves that the server it reached is its
own, and leaves no process and no file behind.
"""

from __future__ import annotations


class Absent(RuntimeError):
    """A server cannot be had on this machine. The message says what was looked for and how to get it.

    A test that meets it is skipped, and the skip is counted and shown.
    """


class NotReady(RuntimeError):
    """A server was started and did not become ready. The message names it and says what it did instead."""
