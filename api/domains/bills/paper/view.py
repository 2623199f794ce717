"""What a bundle shows of a document: the whole, or chosen fields; asked by path, the same way for both.

A field that is not there was left out of the document, where the whole is shown; where fields are shown
alone, nothing can be said of it. What was never asked for is given at the end: no field is left undrawn.

>>> view = View.of(bundle)                     # doctest: +SKIP
>>> view.leaf("consignment", "goods", 0, "hs")  # doctest: +SKIP
'847130'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from api.domains.bills.bundle import BillBundle, Whole
from api.domains.bills.document.form import RailBill
from api.domains.bills.document.titles import title
from api.domains.bills.paper.errors import PaperDocumentError
from chain.canonical import CanonicalError, canonical, pointer

__all__ = ["LONGEST", "Leaf", "Path", "View"]

Leaf: TypeAlias = str | int | bool
Path: TypeAlias = tuple[str | int, ...]
LONGEST: Final = 3000
"""The longest text of the form, in characters."""
_LARGEST: Final = 1_000_000
"""The largest document that is taken, in bytes."""


class View:
    """A document as it is shown.

    :ivar whole: whether all of it is shown
    """

    def __init__(self, leaves: Mapping[Path, Leaf], *, whole: bool) -> None:
        self.whole = whole
        self._leaves = dict(leaves)
        self._asked: set[Path] = set()
        self._below: dict[Path, set[str | int]] = {}
        for path in leaves:
            for depth in range(len(path)):
                self._below.setdefault(path[:depth], set()).add(path[depth])

    @classmethod
    def of(cls, bundle: BillBundle) -> View:
        """The view that a bundle gives.

        :raises PaperDocumentError: it shows no bill of the form
        """
        if isinstance(bundle.document, Whole):
            return cls(_flat(_checked(bundle.document.whole)), whole=True)
        return cls(_chosen(bundle.document.fields), whole=False)

    def leaf(self, *path: str | int) -> Leaf | None:
        """A field's value; nothing where it is not there or not shown."""
        self._asked.add(path)
        return self._leaves.get(path)

    def has(self, *path: str | int) -> bool:
        """Whether anything is shown here or below."""
        return path in self._leaves or path in self._below

    def places(self, *path: str | int) -> list[int]:
        """The places of a list of which anything is shown."""
        return sorted(step for step in self._below.get(path, ()) if isinstance(step, int))

    def rest(self) -> list[tuple[Path, Leaf]]:
        """What is shown and nobody has asked for."""
        return [(path, leaf) for path, leaf in self._leaves.items() if path not in self._asked]


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    try:
        if len(canonical(document)) > _LARGEST:
            raise PaperDocumentError("the document is larger than any bill", params={"where": ""})
        RailBill.model_validate(document)
    except CanonicalError:
        raise PaperDocumentError("the document is no JSON", params={"where": ""}) from None
    except ValidationError as error:
        where = pointer(tuple(error.errors(include_input=False)[0]["loc"]))[:200]
        raise PaperDocumentError(
            f"the document has not the form of a bill, at {where or 'the top'}", params={"where": where}
        ) from None
    return document


def _flat(document: dict[str, Any]) -> dict[Path, Leaf]:
    found: dict[Path, Leaf] = {}
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            waiting += [((*path, key), child) for key, child in node.items()]
        elif isinstance(node, list):
            waiting += [((*path, place), child) for place, child in enumerate(node)]
        elif node is None:  # no bill has one, and drawn it would be a field left out
            where = pointer(path)[:200]
            raise PaperDocumentError(f"null is no value of a bill, at {where}", params={"where": where})
        else:
            found[path] = node
    return found


def _chosen(fields: list[dict[str, Any]]) -> dict[Path, Leaf]:
    found: dict[Path, Leaf] = {}
    empty, size = set(), 0
    for field in fields:
        steps, value = field.get("path"), field.get("value")
        if not isinstance(steps, list) or not steps or not all(type(step) in (str, int) for step in steps):
            raise PaperDocumentError("a field has no path", params={"where": ""})
        path = tuple(steps)
        where = pointer(path)[:200]
        try:
            title(pointer(path))
        except KeyError:
            raise PaperDocumentError(f"a bill has no field at {where}", params={"where": where}) from None
        if path in found or path in empty:
            raise PaperDocumentError(f"a field is shown twice, at {where}", params={"where": where})
        if value in ([], {}):
            empty.add(path)  # a list without members: there is nothing to draw
        elif not isinstance(value, str | int) or (isinstance(value, str) and len(value) > LONGEST):
            raise PaperDocumentError(f"no field of a bill, at {where}", params={"where": where})
        else:
            found[path] = value
            size += len(str(value))
    if size > _LARGEST:
        raise PaperDocumentError("the fields shown are larger than any bill", params={"where": ""})
    return found
