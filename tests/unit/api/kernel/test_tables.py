"""Columns as wide as what the chain may say in them."""

from __future__ import annotations

import pytest

from api.kernel.approval.tables import ApprovalRow, ApprovalRuleRow, PersonRow, SignOffRow
from api.kernel.tables import (
    AnsweredRequest,
    DocumentRow,
    KeyRow,
    PartyRow,
    ProfileRow,
    TenureRow,
    TokenRow,
    WrapRow,
)
from api.kernel.webhooks.tables import AudienceRow, DeliveryRow, WebhookEventRow, WebhookRow

SMALL = {"role", "status", "size", "id", "attempts", "failures", "http_status", "milliseconds"}
TABLES = [AnsweredRequest, DocumentRow, KeyRow, PartyRow, ProfileRow, TenureRow, TokenRow, WrapRow]
TABLES += [AudienceRow, DeliveryRow, WebhookEventRow, WebhookRow]
TABLES += [ApprovalRow, ApprovalRuleRow, PersonRow, SignOffRow]


@pytest.mark.parametrize("table", TABLES)
def test_numbers_and_times_fit(table):
    """A role may end in 2^48 − 1, and a party's number has 32 bits: neither fits PostgreSQL's INTEGER."""
    for column in table.__table__.columns:
        if column.type.python_type is int and column.name not in SMALL:
            assert column.type.__class__.__name__ == "BigInteger", column.name
