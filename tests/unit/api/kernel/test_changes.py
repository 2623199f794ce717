"""Waiting for a change: none is missed, all share one wait, and a loop that has ended harms nobody."""

from __future__ import annotations

import asyncio
import threading

from api.kernel.changes import Changes


def test_a_change_from_another_thread_wakes_all():
    changes = Changes()

    async def one() -> bool:
        waiter = changes.waiter()
        await asyncio.wait([waiter], timeout=60)
        return waiter.done()

    async def many() -> list[bool]:
        waiting = [asyncio.ensure_future(one()) for _ in range(5)]
        await asyncio.sleep(0)
        threading.Thread(target=changes.notify).start()
        return await asyncio.gather(*waiting)

    assert asyncio.run(many()) == [True] * 5


def test_a_change_between_taking_the_waiter_and_waiting_is_not_missed():
    changes = Changes()

    async def wait() -> bool:
        waiter = changes.waiter()
        changes.notify()
        await asyncio.wait([waiter], timeout=60)
        return waiter.done()

    assert asyncio.run(wait())


def test_the_next_waiter_waits_for_the_next_change():
    changes = Changes()

    async def wait() -> tuple[bool, bool]:
        first = changes.waiter()
        changes.notify()
        await asyncio.wait([first], timeout=60)
        return first.done(), changes.waiter().done()

    assert asyncio.run(wait()) == (True, False)


def test_a_loop_that_has_ended():
    changes = Changes()

    async def leave() -> None:
        changes.waiter()

    asyncio.run(leave())
    changes.notify()
    changes.notify()


def test_waiters_that_gave_up_do_not_pile_up():
    changes = Changes()

    async def many() -> int:
        for _ in range(100):
            await asyncio.wait([changes.waiter()], timeout=0)
        return len(changes._waiters)

    assert asyncio.run(many()) == 1


def test_once_closed_nobody_waits():
    changes = Changes()

    async def wait() -> bool:
        before = changes.waiter()
        threading.Thread(target=changes.close).start()
        await asyncio.wait([before], timeout=60)
        return before.done() and changes.waiter().done() and changes.closed

    assert asyncio.run(wait())
