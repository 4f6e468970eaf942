"""What every room needs: files written atomically, initial weights, several processes as one batch."""
