"""The only place that knows Lightning."""
