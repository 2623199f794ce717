"""The queue: who is due and when, one sender at a time, and nothing given out twice or too early."""

# ruff: noqa: S311 - chance, not secrets

from __future__ import annotations

import random

import pytest

from api.kernel.webhooks import queue
from api.kernel.webhooks.outcome import Outcome
from api.kernel.webhooks.tables import DeliveryStatus, Paused
from api.settings import Settings
from chain.db import reading, writing
from tests.webhooklab import block, database, deliveries, subscribe, tell, webhook_row

NOW = 1_000_000
OK, FAILED = Outcome("delivered", 204), Outcome("timeout")
BACKOFF = (5, 300, 1800)


class Dice(random.Random):
    """Chance that always gives the most, or the least."""

    def __init__(self, most: bool) -> None:
        super().__init__()
        self._most = most

    def uniform(self, a, b):
        return b if self._most else a


@pytest.fixture
def engine(tmp_path):
    opened = database(f"sqlite:///{tmp_path / 'queue.db'}")
    yield opened
    opened.dispose()


def _release(engine, confirmations=1):
    with writing(engine) as session:
        return queue.release(session, confirmations=confirmations, now=NOW)


def _claim(engine, now=NOW, room=10, most=10, seconds=60):
    with writing(engine) as session:
        return queue.claim(session, now=now, room=room, most=most, seconds=seconds)


def _settle(engine, run, *outcomes, now=NOW, most=False, backoff=BACKOFF):
    with writing(engine) as session:
        queue.settle(session, run, outcomes, now=now, backoff=backoff, dice=Dice(most))


def _is_due(engine, now=NOW, confirmations=1):
    with reading(engine) as session:
        return queue.is_due(session, confirmations=confirmations, now=now)


# Back-off


def test_the_schedule_is_about_a_day_and_grows():
    backoff = Settings().webhook_backoff
    assert backoff[:4] == (5, 300, 1800, 7200)
    assert list(backoff) == sorted(backoff)
    assert 86_400 <= sum(backoff) <= 1.25 * 86_400


def test_each_wait_is_up_to_a_quarter_longer_by_chance():
    for attempts, seconds in enumerate(BACKOFF, 1):
        assert queue.backoff_seconds(BACKOFF, attempts, Dice(False)) == seconds
        assert queue.backoff_seconds(BACKOFF, attempts, Dice(True)) == seconds + round(seconds / 4)
    drawn = {queue.backoff_seconds(BACKOFF, 3, random.Random(seed)) for seed in range(50)}
    assert len(drawn) > 20
    assert queue.backoff_seconds(BACKOFF, 4, Dice(False)) is None


# Giving events out


def test_an_event_is_given_out_when_it_lies_deep_enough(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine, at_block=5)
    for newest, confirmations, released in ((5, 3, 0), (6, 3, 0), (7, 3, 1)):
        block(engine, newest)
        assert _is_due(engine, confirmations=confirmations) is bool(released)
        assert _release(engine, confirmations) == released
        assert len(deliveries(engine, webhook)) == released
    assert _release(engine, 3) == 0
    assert len(deliveries(engine, webhook)) == 1


def test_only_parties_that_may_see_it_get_it_and_only_what_they_want(engine):
    mine = subscribe(engine, "https://a.example/", party=1)
    twice = subscribe(
        engine, "https://a.example/2", party=1, types="landbridge.bills.issue landbridge.bills.transfer"
    )
    other_type = subscribe(engine, "https://a.example/3", party=1, types="landbridge.parties.*")
    other = subscribe(engine, "https://b.example/", party=2)
    tell(engine, parties=(1, 3))
    tell(engine, parties=(0,), type_="landbridge.parties.suspended")
    assert _release(engine) == 2
    assert [len(deliveries(engine, one)) for one in (mine, twice, other_type, other)] == [2, 1, 1, 1]


def test_many_events_keep_their_order(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine, 700)
    assert (_release(engine), _release(engine), _release(engine)) == (500, 200, 0)
    events = [row.event for row in deliveries(engine, webhook)]
    assert events == sorted(events)
    (run,) = _claim(engine, most=700)
    assert [item.event for item in run.items] == [f"evt_{n:032x}" for n in range(1, 701)]


# Claims


def test_a_subscription_is_at_work_in_one_place(engine):
    subscribe(engine, "https://a.example/")
    tell(engine, 2)
    _release(engine)
    (run,) = _claim(engine)
    assert not _is_due(engine)
    assert _claim(engine) == []
    assert _claim(engine, now=NOW + 59) == []
    assert _is_due(engine, now=NOW + 60)
    (again,) = _claim(engine, now=NOW + 60)
    assert [item.event for item in again.items] == [item.event for item in run.items]
    assert again.claim != run.claim


def test_what_a_lost_claim_brings_is_not_written(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine)
    _release(engine)
    (lost,) = _claim(engine)
    (held,) = _claim(engine, now=NOW + 60)
    _settle(engine, lost, OK, now=NOW + 61)
    assert deliveries(engine, webhook)[0].status == DeliveryStatus.WAITING
    assert webhook_row(engine, webhook).claim == held.claim
    _settle(engine, held, OK, now=NOW + 62)
    assert deliveries(engine, webhook)[0].status == DeliveryStatus.DELIVERED


def test_no_more_is_claimed_than_there_is_room_for(engine):
    for number in range(5):
        subscribe(engine, f"https://a.example/{number}")
    tell(engine)
    _release(engine)
    assert _claim(engine, room=0) == []
    first = _claim(engine, room=2)
    second = _claim(engine, room=10)
    assert (len(first), len(second)) == (2, 3)
    assert not {run.webhook for run in first} & {run.webhook for run in second}


def test_those_that_waited_longest_come_first(engine):
    a, b = (subscribe(engine, f"https://a.example/{number}") for number in range(2))
    tell(engine, 2)
    _release(engine)
    (run,) = _claim(engine, room=1, most=1)
    assert run.webhook == a
    _settle(engine, run, OK)
    (run,) = _claim(engine, room=1, most=1)
    assert run.webhook == b


# What came of it


def test_a_failure_is_tried_again_later_and_at_last_is_dead(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine)
    _release(engine)
    now = NOW
    for attempt, wait in enumerate(BACKOFF, 1):
        (run,) = _claim(engine, now=now)
        _settle(engine, run, FAILED, now=now)
        (row,) = deliveries(engine, webhook)
        assert (row.status, row.attempts, row.next_attempt) == ("waiting", attempt, now + wait)
        assert (row.outcome, row.last_attempt) == ("timeout", now)
        assert _claim(engine, now=now + wait - 1) == []
        now += max(wait, webhook_row(engine, webhook).rest_until - now)
    (run,) = _claim(engine, now=now)
    _settle(engine, run, FAILED, now=now)
    (row,) = deliveries(engine, webhook)
    assert (row.status, row.attempts) == ("dead", 4)
    assert _claim(engine, now=now + 10**6) == []


def test_what_was_delivered_before_a_failure_stays_so(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine, 4)
    _release(engine)
    (run,) = _claim(engine)
    _settle(engine, run, OK, OK, FAILED)
    assert [row.status for row in deliveries(engine, webhook)] == [
        "delivered",
        "delivered",
        "waiting",
        "waiting",
    ]
    # It rests; then the one that failed comes first, and with it what waits behind it.
    assert _claim(engine, now=NOW + 4) == []
    (run,) = _claim(engine, now=NOW + 5)
    assert [item.event[-1] for item in run.items] == ["3", "4"]


def test_one_event_that_cannot_be_taken_does_not_hold_up_the_others(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine, 3)
    _release(engine)
    now, taken = NOW, []
    for _ in range(3):
        (run,) = _claim(engine, now=now)
        outcomes = []
        for item in run.items:
            outcomes.append(FAILED if item.event.endswith("1") else OK)
            if not outcomes[-1].delivered:
                break
            taken.append(item.event[-1])
        _settle(engine, run, *outcomes, now=now)
        if taken:
            break
        now = max(webhook_row(engine, webhook).rest_until, now + 1)
    assert taken == ["2", "3"]
    assert now - NOW < 60
    assert [row.status for row in deliveries(engine, webhook)] == ["waiting", "delivered", "delivered"]


def test_rests_grow_and_end_with_success(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine, 20)
    _release(engine)
    now, rests = NOW, []
    for _ in range(9):
        (run,) = _claim(engine, now=now, most=1)
        _settle(engine, run, FAILED, now=now)
        rest = webhook_row(engine, webhook).rest_until - now
        rests.append(rest)
        now += rest
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    (run,) = _claim(engine, now=now)
    _settle(engine, run, OK, now=now)
    row = webhook_row(engine, webhook)
    assert (row.failures, row.rest_until) == (0, 0)


def test_a_receiver_may_ask_for_more_time_but_not_for_ever(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine)
    _release(engine)
    for asked, wait in ((120, 120), (10**8, 3600)):
        now = deliveries(engine, webhook)[0].next_attempt or NOW
        now = max(now, webhook_row(engine, webhook).rest_until)
        (run,) = _claim(engine, now=now)
        _settle(engine, run, Outcome("http-status", 503, retry_after=asked), now=now)
        assert deliveries(engine, webhook)[0].next_attempt == now + wait


def test_gone_pauses_and_keeps_the_event(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine)
    _release(engine)
    (run,) = _claim(engine)
    _settle(engine, run, Outcome("gone", 410, "no such hook"))
    assert webhook_row(engine, webhook).paused == Paused.GONE
    (row,) = deliveries(engine, webhook)
    assert (row.status, row.outcome, row.http_status, row.answer) == ("waiting", "gone", 410, "no such hook")
    assert _claim(engine, now=NOW + 10**6) == []


def test_what_is_paused_is_kept_and_not_sent(engine):
    webhook = subscribe(engine, "https://a.example/", paused=Paused.BY_PARTY)
    tell(engine, 2)
    assert _release(engine) == 2
    assert not _is_due(engine)
    assert _claim(engine) == []
    assert len(deliveries(engine, webhook)) == 2


def test_a_webhook_deleted_meanwhile_is_no_trouble(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine)
    _release(engine)
    (run,) = _claim(engine)
    from api.kernel.webhooks.service import Webhooks

    with writing(engine) as session:
        Webhooks.remove(session, session.get_one(type(webhook_row(engine, webhook)), webhook))
    _settle(engine, run, OK)
    assert deliveries(engine, webhook) == []


def test_both_secrets_sign_until_the_old_one_ends(engine):
    webhook = subscribe(engine, "https://a.example/", previous=b"old", previous_until=NOW + 10)
    tell(engine)
    _release(engine)
    secret = webhook_row(engine, webhook).secret
    assert _claim(engine, now=NOW + 9)[0].sealed == (secret, b"old")
    assert _claim(engine, now=NOW + 69)[0].sealed == (secret,)


# Keeping


def test_what_ended_long_ago_is_forgotten_and_what_waits_too_long_is_given_up(engine):
    webhook = subscribe(engine, "https://a.example/")
    tell(engine, 3)
    _release(engine)
    (run,) = _claim(engine)
    _settle(engine, run, OK, FAILED)

    def prune(now):
        with writing(engine) as session:
            return queue.prune(session, now=now, seconds=100)

    assert prune(NOW + 100) == 0
    assert prune(NOW + 101) == 3  # one is forgotten, two are given up
    found = [(row.status, row.outcome) for row in deliveries(engine, webhook)]
    assert found == [("dead", "expired"), ("dead", "expired")]
    assert prune(NOW + 202) == 2
    assert deliveries(engine, webhook) == []
