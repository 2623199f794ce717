"""Webhooks: every act that a party may see is told to that party's own system (docs/webhooks.md).

- :mod:`~api.kernel.webhooks.recorder` writes an event in the transaction in which the indexer takes an act.
- :mod:`~api.kernel.webhooks.queue` makes deliveries of it once it lies deep enough, and says which are due.
- :mod:`~api.kernel.webhooks.sender` sends them, through :mod:`~api.kernel.webhooks.post`.
- :mod:`~api.kernel.webhooks.service` is what the house and the routes use.
"""
