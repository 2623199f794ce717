"""A party's people at their desks: each with a token of his own, and a rule of four eyes.

>>> desk = Desk(gateway, "bank")                        # doctest: +SKIP
>>> desk.hire("ada", "ben"); desk.rule("bills/Transfer")  # doctest: +SKIP
>>> request = desk.propose("ada", "Transfer", bill, to=3)  # doctest: +SKIP
>>> desk.say("ben", "approve", request)                  # doctest: +SKIP
"""

from __future__ import annotations

from typing import Any

from httpx import Response

from tests.integration.gateway import Gateway

SCOPES = ("read", "write", "sign", "approve")


class Desk:
    """People of one party that entrusted its key."""

    def __init__(self, place: Gateway, who: str) -> None:
        self.place, self.who, self.number = place, who, place.party(who)
        self.people: dict[str, dict[str, str]] = {}

    def token(self, person: str | None, *scopes: str, by: str | None = None) -> Response:
        """Ask for a token."""
        body: dict[str, Any] = {"scopes": list(scopes or SCOPES), "label": "desk"}
        body |= {"person": person} if person is not None else {}
        return self.place.post(by or self.who, "/v1/tokens", body)

    def hire(self, *names: str) -> None:
        """Give people tokens."""
        for name in names:
            made = self.token(name)
            assert made.status_code == 201, made.text
            self.people[name] = {"authorization": f"Bearer {made.json()['token']}"}

    def ask_rule(self, name: str, *acts: str, people: int = 2, lifetime: int = 86_400) -> Response:
        """Ask for a rule."""
        body = {"acts": list(acts), "people": people, "lifetime": lifetime}
        return self.place.client.put("/v1/approval-rule", json=body, headers=self.people[name])

    def rule(self, *acts: str, people: int = 2, lifetime: int = 86_400) -> None:
        """Ask for a rule and have it signed off by as many as it takes."""
        first, *others = self.people
        asked = self.ask_rule(first, *acts, people=people, lifetime=lifetime)
        assert asked.status_code == 202, asked.text
        found = asked.json()
        for name in others:
            if found["status"] == "awaiting-approval":
                found = self.say(name, "approve", found).json()
        assert found["status"] == "applied", found

    def propose(self, name: str, act: str, subject: str, **fields: Any) -> dict[str, Any]:
        """Ask for the key's signature, which then waits for sign-offs."""
        body = {"room": "bills", "act": act, "subject": subject, "fields": fields}
        return self.taken(self.place.post(self.people[name], "/v1/intents/sign", body))

    def taken(self, answer: Response) -> dict[str, Any]:
        """The request that an answer tells of."""
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "awaiting-approval", answer.text
        return dict(answer.json())

    def say(self, name: str, what: str, request: dict[str, Any], **headers: str) -> Response:
        """Approve or decline a request as it was shown, or withdraw it."""
        body = None if what == "withdraw" else {"digest": request["digest"]}
        return self.place.post(self.people[name], f"/v1/approvals/{request['id']}/{what}", body, **headers)

    def get(self, name: str, request: dict[str, Any], wait: int = 0) -> dict[str, Any]:
        """The request as it stands."""
        answer = self.place.get(self.people[name], f"/v1/approvals/{request['id']}", wait=wait)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def signed(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """The request, once its act took effect."""
        found = self.get(name, request, wait=30)
        assert (found["status"], found["reason"]) == ("signed", None), found
        assert found["intent"]["status"] in ("mined", "done"), found
        return found
