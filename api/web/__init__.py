"""Pages that the gateway serves to people.

>>> app.mount("/verifier", verifier_page())  # doctest: +SKIP
"""

from api.web.pages import verifier_page

__all__ = ["verifier_page"]
