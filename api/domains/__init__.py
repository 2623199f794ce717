"""The rooms of the house, one folder each; none imports another."""
