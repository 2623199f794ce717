"""The scrubber: re-reads what is stored, again and again, and names what rotted or was tampered with."""
