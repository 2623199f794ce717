"""The vault engine: sealed documents, readers' keys and the store of ciphertexts.

It imports neither the chain nor the gateway, and knows no business word.
"""
