"""Public benchmarks: the encoders and heads of the product, unchanged, on data sets that others have measured too."""
