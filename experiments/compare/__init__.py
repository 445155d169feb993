"""Which features and heads tell stance best: one DVC pipeline over variants of the default, and a table with paired intervals."""
