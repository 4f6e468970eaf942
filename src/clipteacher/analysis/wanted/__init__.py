"""Which regions of the training photos get wanted names, before training or after; masks of these are not used."""
