"""AutoBalance run again: like for like on tables and long tails, with groups, and what its split is for."""
