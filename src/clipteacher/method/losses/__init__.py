"""Losses as plain functions of tensors; each returns a sum and the count that it is to be divided by."""
