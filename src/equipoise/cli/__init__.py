"""The command line: a module a command.

Command modules import at their top what the options need and nothing heavy, so that help and mistyped options
answer at once; what the work needs is imported by the work.
"""

from equipoise.cli.app import app, main

__all__ = ["app", "main"]
