"""Waiting for a change: none is missed, and a waiter whose loop has ended harms nobody."""

from __future__ import annotations

import asyncio
import threading

from api.kernel.changes import Changes


def test_a_change_from_another_thread_wakes_all():
    changes = Changes()

    async def wait() -> int:
        waiters = [changes.waiter() for _ in range(5)]
        threading.Thread(target=changes.notify).start()
        done, _ = await asyncio.wait(waiters, timeout=5)
        return len(done)

    assert asyncio.run(wait()) == 5


def test_a_change_between_taking_the_waiter_and_waiting_is_not_missed():
    changes = Changes()

    async def wait() -> bool:
        waiter = changes.waiter()
        changes.notify()
        await asyncio.wait([waiter], timeout=5)
        return waiter.done()

    assert asyncio.run(wait())


def test_a_loop_that_has_ended_and_a_waiter_that_gave_up():
    changes = Changes()

    async def leave() -> None:
        changes.waiter()
        changes.waiter().cancel()

    asyncio.run(leave())
    changes.notify()
    changes.notify()


def test_waiters_that_gave_up_do_not_pile_up():
    changes = Changes()

    async def many() -> int:
        for _ in range(100):
            changes.waiter().cancel()
        return len(changes._waiters)

    assert asyncio.run(many()) <= 2
