"""Takes the attached file out of a PDF, in a process of its own that bounds its time and memory.

A PDF may come from anyone, and a library that reads all of them can be led astray in ways that nobody has
thought of yet. So this file is run by :mod:`api.domains.bills.paper.reading` as a program: PDF on standard
input; on standard output one line of JSON, then the attached file. It imports nothing of this project.

>>> take(b"no PDF")
Traceback (most recent call last):
    ...
api.domains.bills.paper.extract.Refusal: malformed
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from pypdf import PdfReader, apply_configuration
from pypdf.errors import LimitReachedError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, StreamObject

__all__ = ["MAX_ATTACHED", "MAX_PAGES", "Refusal", "bound", "take"]

NAME: Final = "landbridge-bundle.json"
KIND: Final = "/application/json"
MAX_ATTACHED: Final = 10 << 20
MAX_PAGES: Final = 1000
_NODES: Final = 10_000
_SECONDS: Final = 30
_MEMORY: Final = 1 << 30


class Refusal(Exception):
    """Why nothing was taken: malformed, encrypted, missing, several, other, large, long, costly."""


def take(data: bytes) -> tuple[bytes, str | None]:
    """The attached file, and what the PDF says of its producer.

    :raises Refusal: there is not just one file of the right name and type, or the PDF cannot be read
    """
    with apply_configuration(
        zlib_maximum_output_length=MAX_ATTACHED + 1,
        lzw_maximum_output_length=1 << 20,
        run_length_maximum_output_length=1 << 20,
        brotli_maximum_output_length=1 << 20,
        array_based_stream_maximum_output_length=1 << 20,
        stream_filters_maximum_length=1,
    ):
        try:
            reader = PdfReader(BytesIO(data), strict=True)
            if reader.is_encrypted:
                raise Refusal("encrypted")
            return _attached(reader), _producer(reader)
        except (Refusal, MemoryError):
            raise
        except Exception:
            # Whatever the library says of a broken file, it is told in our own words.
            raise Refusal("encrypted" if b"/Encrypt" in data else "malformed") from None


def _attached(reader: PdfReader) -> bytes:
    catalogue = _dictionary(reader.trailer["/Root"])
    named = list(_named_files(catalogue))
    hung = map(_dictionary, (*_array(catalogue, "/AF"), *_of_pages(catalogue)))
    found = {key for spec in (*(spec for _, spec in named), *hung) for key in _streams(spec)}
    if not found:
        raise Refusal("missing")
    if len(found) > 1 or len(named) > 1:
        raise Refusal("several")
    if [name for name, _ in named] != [NAME]:
        raise Refusal("other")
    spec = named[0][1]
    stream = _dictionary(spec["/EF"])["/F"].get_object()
    names = {str(spec[key].get_object()) for key in ("/F", "/UF") if key in spec}
    if names != {NAME} or not isinstance(stream, StreamObject) or stream.get("/Subtype") != KIND:
        raise Refusal("other")
    if stream.get("/Filter") not in (None, NameObject("/FlateDecode")) or "/DecodeParms" in stream:
        raise Refusal("malformed")
    try:
        content: Any = stream.get_data()
    except LimitReachedError:
        raise Refusal("large") from None
    if len(content) > MAX_ATTACHED:
        raise Refusal("large")
    return bytes(content)


def _named_files(catalogue: DictionaryObject) -> Iterator[tuple[str, DictionaryObject]]:
    """The tree of attached files by name (ISO 32000-1, 7.9.6), each node looked at once."""
    names = catalogue.get("/Names")
    top = _dictionary(names).get("/EmbeddedFiles") if names is not None else None
    for node in _tree(top, _NODES):
        pairs = _array(node, "/Names")
        if len(pairs) > _NODES:
            raise Refusal("several")
        for name, spec in zip(pairs[::2], pairs[1::2], strict=True):
            yield str(name.get_object()), _dictionary(spec)


def _of_pages(catalogue: DictionaryObject) -> Iterator[Any]:
    """Files that hang on pages: associated ones, and those of notes that a reader can click on."""
    pages = notes = 0
    for node in _tree(catalogue["/Pages"], _NODES):
        pages += "/Kids" not in node
        if pages > MAX_PAGES:
            raise Refusal("long")
        yield from _array(node, "/AF")
        for note in _array(node, "/Annots"):
            notes += 1
            if notes > _NODES:
                raise Refusal("malformed")
            seen = _dictionary(note)
            yield from _array(seen, "/AF")
            if seen.get("/Subtype") == "/FileAttachment" and "/FS" in seen:
                yield seen["/FS"]


def _tree(top: Any, most: int) -> Iterator[DictionaryObject]:
    waiting, seen, looked = [top] if top is not None else [], set(), 0
    while waiting:
        one = waiting.pop()
        key = (one.idnum, one.generation) if isinstance(one, IndirectObject) else None
        looked += 1
        if key in seen:
            raise Refusal("malformed")  # a tree that comes back to itself
        if looked > most:
            raise Refusal("long")
        if key is not None:
            seen.add(key)
        node = _dictionary(one)
        yield node
        waiting += reversed(_array(node, "/Kids"))


def _streams(spec: DictionaryObject) -> set[Any]:
    """Which streams a file's entry leads to: each by its number, or as itself where it has none."""
    files = spec.get("/EF")
    if files is None:
        raise Refusal("missing")  # a file elsewhere, by its address
    return {
        (one.idnum, one.generation) if isinstance(one, IndirectObject) else id(one)
        for one in (_dictionary(files).raw_get(key) for key in _dictionary(files))
    }


def _array(node: DictionaryObject, key: str) -> list[Any]:
    found = node.get(key)
    value = found.get_object() if found is not None else None
    if value is None:
        return []
    if not isinstance(value, ArrayObject):
        raise Refusal("malformed")
    return [list.__getitem__(value, place) for place in range(len(value))]


def _dictionary(value: Any) -> DictionaryObject:
    found = value.get_object()
    if not isinstance(found, DictionaryObject):
        raise Refusal("malformed")
    return found


def _producer(reader: PdfReader) -> str | None:
    info = reader.trailer.get("/Info")
    told = _dictionary(info).get("/Producer") if info is not None else None
    return str(told.get_object())[:200] if told is not None else None


def bound(seconds: int, memory: int) -> None:
    """Let the system end this process when it has taken so many seconds of a processor, or more memory."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def main() -> int:
    """Read a PDF from standard input, answer on standard output."""
    bound(_SECONDS, _MEMORY)
    logging.disable(logging.CRITICAL)
    content = b""
    try:
        content, producer = take(sys.stdin.buffer.read())
        answer: dict[str, Any] = {"producer": producer}
    except Refusal as refusal:
        answer = {"refused": str(refusal)}
    except MemoryError:
        answer = {"refused": "costly"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
