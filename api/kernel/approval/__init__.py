"""Four eyes: an entrusted key signs certain acts only when several people of its party have signed off.

- :mod:`rules`: what a rule covers, who may sign off what; pure.
- :mod:`people`: tokens that stand for a person.
- :mod:`requests`: a request from its proposal to its end.
- :mod:`signing`: the key signs what was approved, once, whatever happens in between.

See docs/signers.md.
"""
