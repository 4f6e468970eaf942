"""Data sets, your own and those of the protocols as released: reading, checking, augmenting and batching them."""
