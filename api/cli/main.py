"""``landbridge``: the command line. One file a group of commands; this one puts them together.

>>> main(["bill", "check", "bill.json"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from api.cli import (
    approval,
    bill,
    bill_acts,
    demo,
    intent,
    log,
    node,
    party,
    party_keys,
    scrub,
    serving,
    token,
    verify,
    webhook,
    webhook_listen,
)
from api.cli.errors import ExitCode, Failure
from api.cli.helps import PANELS, translate
from api.cli.run import root, tell
from api.cli.texts import language_of, text

__all__ = ["build", "main"]

_ATTACHED = (bill_acts, party_keys, scrub, webhook_listen)
"""Modules that add commands to another's group."""


def build(lang: str) -> Any:
    """The whole tree of commands, with its help in one language."""
    app = typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    app.callback(invoke_without_command=True)(root)
    serving.register(app)
    verify.register(app)
    groups = {
        "demo": demo.app,
        "node": node.app,
        "token": token.app,
        "party": party.app,
        "intent": intent.app,
        "bill": bill.app,
        "log": log.app,
        "approval": approval.app,
        "webhook": webhook.app,
    }
    for name, group in groups.items():
        app.add_typer(group, name=name)
    tree = typer.main.get_command(app)
    translate(tree, lang)
    return tree


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code (:class:`~api.cli.errors.ExitCode`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    lang = language_of(None, os.environ, given)
    if lang == "zh" or "typer.rich_utils" in sys.modules:  # it loads slowly, and is English by itself
        _title(lang)
    try:
        code = build(lang).main(args=given, prog_name="landbridge", standalone_mode=False)
        return int(code) if isinstance(code, int) else ExitCode.OK
    except typer.TyperException as error:
        return _usage(error, lang, "--json" in given)
    except (typer.Abort, KeyboardInterrupt):
        tell(
            Failure("interrupted", ExitCode.INTERRUPTED, text(lang, "error.interrupted")),
            lang,
            json_too=False,
        )
        return ExitCode.INTERRUPTED
    finally:
        _drain()


def _drain() -> None:
    """Leave nothing to be written at exit, where a full disk or a reader that has gone shows a trace."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _title(lang: str) -> None:
    from typer import rich_utils

    for name, titles in PANELS.items():
        setattr(rich_utils, name, titles[lang == "zh"])


def _usage(error: Any, lang: str, as_json: bool) -> int:
    """A command that was called wrongly: what is wrong, and where to read how it goes."""
    context = getattr(error, "ctx", None)
    kind = type(error).__name__
    if kind == "NoArgsIsHelpError":
        sys.stderr.write(error.format_message())
        return ExitCode.USAGE
    parameter = getattr(error, "param", None)
    name = "/".join(getattr(parameter, "opts", None) or []) if parameter is not None else ""
    if parameter is not None and getattr(parameter, "param_type_name", "") == "argument":
        name = parameter.metavar or parameter.name
    if kind == "MissingParameter":
        sentence = text(lang, "error.usage-missing", name=name)
    elif kind == "NoSuchOption":
        sentence = text(lang, "error.usage-no-option", name=error.option_name)
    elif kind == "BadParameter" and name:
        sentence = text(lang, "error.usage-bad-value", name=name, message=error.message)
    elif error.message.startswith("No such command"):
        sentence = text(
            lang, "error.usage-no-command", name=error.message.partition("'")[2].partition("'")[0]
        )
    else:
        sentence = text(lang, "error.usage", message=error.format_message())
    tell(Failure("usage", ExitCode.USAGE, sentence), lang, json_too=as_json)
    if context is not None:
        sys.stderr.write(text(lang, "usage-hint", command=context.command_path) + "\n")
    return ExitCode.USAGE


if __name__ == "__main__":
    sys.exit(main())
