"""What every command shares: the global options, one place for output, and errors that become exit codes.

A command is a function of a :class:`Run` and its own options. The global options work before and after the
command's name.

>>> app = typer.Typer()
>>> @command(app, "hello")
... def hello(run: Run) -> None:
...     run.result({"hello": "world"}, lambda console: console.print("hello world"))
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, get_type_hints

import typer

from api.cli.errors import CliError, ExitCode, Failure, failure_of
from api.cli.texts import LANGUAGES, language_of, plain, text

if TYPE_CHECKING:
    from rich.console import Console

    from api.cli.client import Gateway

__all__ = ["DEFAULT_GATEWAY", "Globals", "Run", "command", "root", "tell"]

DEFAULT_GATEWAY = "http://127.0.0.1:8600"
_WIDTH = 160  # where the output is no terminal, so that tables in logs and files are not folded

P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json")]
Lang = Annotated[str | None, typer.Option("--lang", metavar="zh|en")]
GatewayUrl = Annotated[str | None, typer.Option("--gateway", metavar="URL")]
TokenFile = Annotated[str | None, typer.Option("--token-file", metavar="FILE")]


@dataclass(frozen=True)
class Globals:
    """The global options as given so far."""

    json: bool = False
    lang: str | None = None
    gateway: str | None = None
    token_file: str | None = None

    def over(self, other: Globals) -> Globals:
        """These where they were given, else the other's."""
        return Globals(
            self.json or other.json,
            self.lang or other.lang,
            self.gateway or other.gateway,
            self.token_file or other.token_file,
        )


class Run:
    """One call of a command: how it speaks, and whom it calls."""

    def __init__(self, given: Globals) -> None:
        self.json = given.json
        self.lang = language_of(given.lang, os.environ)
        self.gateway_url = given.gateway or os.environ.get("LANDBRIDGE_GATEWAY") or DEFAULT_GATEWAY
        self._token_file = given.token_file or os.environ.get("LANDBRIDGE_TOKEN_FILE")
        self._answered = False

    @cached_property
    def console(self) -> Console:
        """Standard output, for people."""
        return _console(sys.stdout)

    @cached_property
    def errors(self) -> Console:
        """Standard error: progress and errors."""
        return _console(sys.stderr)

    def text(self, key: str, /, **params: object) -> str:
        """A text in the caller's language."""
        return text(self.lang, key, **params)

    def say(self, key: str, /, **params: object) -> None:
        """Tell of progress, on standard error."""
        self.errors.print(self.text(key, **params), markup=False, highlight=False)

    def result(self, document: Any, render: Callable[[Console], object]) -> None:
        """Give the answer: the JSON document with ``--json``, else what ``render`` prints."""
        if self.json:
            self._answered = True
            sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
            sys.stdout.flush()
        else:
            render(self.console)

    def fail(self, error: BaseException) -> ExitCode:
        """Tell an error and give the exit code."""
        failure = failure_of(error, self.lang)
        tell(failure, self.lang, json_too=self.json and not self._answered)
        if os.environ.get("LANDBRIDGE_TRACE") and failure.exit_code is ExitCode.DEFECT:
            raise error
        return failure.exit_code

    def token(self) -> str | None:
        """The caller's API token, from the file named or from LANDBRIDGE_TOKEN."""
        from api.cli.files import read_token

        return read_token(self._token_file) if self._token_file else os.environ.get("LANDBRIDGE_TOKEN")

    @cached_property
    def gateway(self) -> Gateway:
        """The gateway, as the caller's token may use it."""
        from api.cli.client import Gateway

        return Gateway(self.gateway_url, self.token(), lang=self.lang)


def command(
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Run, P], int | None]], Callable[Concatenate[Run, P], int | None]]:
    """Make a function of a :class:`Run` a command; what it returns is the exit code, none means 0."""

    def register(
        function: Callable[Concatenate[Run, P], int | None],
    ) -> Callable[Concatenate[Run, P], int | None]:
        app.command(name)(_with_globals(function))
        return function

    return register


def _with_globals(function: Callable[..., int | None]) -> Callable[..., None]:
    def call(ctx: typer.Context, **given: Any) -> None:
        own = Globals(*(given.pop(f"global_{name}") for name in _GLOBALS))
        run = Run(own.over(ctx.find_root().obj or Globals()))
        try:
            _check_lang(own.lang)
            code = function(run, **given)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except BrokenPipeError:
            code = ExitCode.LOCAL  # who read the answer has gone: nobody is left to tell
        except (Exception, KeyboardInterrupt) as error:
            code = run.fail(error)
        raise typer.Exit(int(code or 0))

    hints = get_type_hints(function, include_extras=True)
    _run, *own = inspect.signature(function).parameters.values()
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
            for parameter in own
        ),
        *(
            inspect.Parameter(
                f"global_{name}", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
            for name, (annotation, default) in _GLOBALS.items()
        ),
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    call.__name__, call.__doc__ = function.__name__, None
    return call


_GLOBALS: dict[str, tuple[Any, Any]] = {
    "json": (Json, False),
    "lang": (Lang, None),
    "gateway": (GatewayUrl, None),
    "token_file": (TokenFile, None),
}


def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version")] = False,
    global_json: Json = False,
    global_lang: Lang = None,
    global_gateway: GatewayUrl = None,
    global_token_file: TokenFile = None,
) -> None:
    """What stands before the command's name."""
    given = Globals(global_json, global_lang, global_gateway, global_token_file)
    run = Run(given)
    try:
        _check_lang(global_lang)
    except CliError as error:
        raise typer.Exit(int(run.fail(error))) from None
    if version:
        from importlib.metadata import version as version_of

        found = version_of("landbridge")
        run.result({"landbridge": found}, lambda console: console.print(f"landbridge {found}"))
        raise typer.Exit(0)
    if ctx.invoked_subcommand is None:
        raise typer.Exit(int(run.fail(CliError("no-command", ExitCode.USAGE))))
    ctx.obj = given


def _check_lang(lang: str | None) -> None:
    if lang is not None and lang not in LANGUAGES:
        raise CliError("language-unknown", ExitCode.USAGE, lang=lang)


def tell(failure: Failure, lang: str, *, json_too: bool) -> None:
    """Print a failure on standard error, and as the one JSON document where that was asked for."""
    if json_too:
        sys.stdout.write(json.dumps(failure.document(), ensure_ascii=False, indent=2) + "\n")
        sys.stdout.flush()
    lines = [text(lang, "failed", code=failure.code, sentence=failure.sentence)]
    if failure.advice:
        lines.append(text(lang, "failed-next", advice=failure.advice))
    for one in failure.members.get("findings", ()):
        lines.append(f"  {one['severity']} {one['code']} {one['path'] or '/'}: {one.get(lang, one['en'])}")
    sys.stderr.write("".join(plain(line) + "\n" for line in lines))


def _console(stream: Any) -> Console:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:  # the library would end the process with 1
            raise BrokenPipeError

    wide = not stream.isatty() and "COLUMNS" not in os.environ
    return Plain(file=stream, width=_WIDTH if wide else None, highlight=False, emoji=False, markup=False)
