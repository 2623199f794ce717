"""The engine's chain side: intents, contracts, nodes, sending, reading. It knows no business word."""

import os

# py-evm hashes all day. Left alone, eth-hash takes its slowest backend; it reads this once, at its import.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
