"""Bundles in files, as they came from a gateway or inside a PDF.

>>> bundle_of("bill.pdf")[:8]  # doctest: +SKIP
b'{"acts":'
"""

from __future__ import annotations

__all__ = ["bundle_of"]


def bundle_of(path: str) -> bytes | None:
    """The proof bundle in a file; nothing where it is another kind of file.

    :raises PaperError: it is a PDF, and carries none
    """
    from api.cli.files import read_bytes
    from api.domains.bills.paper import MAX_PAPER, is_paper, read_paper
    from api.kernel.bundles import BundleError, kind_of

    raw = read_bytes(path, largest=MAX_PAPER)
    if is_paper(raw):
        return read_paper(raw).bundle
    try:
        kind_of(raw)
    except BundleError:
        return None
    return raw
