"""Bills as paper: PDFs drawn from proof bundles, which carry them; and reading and checking such PDFs."""
