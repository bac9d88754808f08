"""Text of people and of searches: as words that are compared, and as pieces that are embedded."""
