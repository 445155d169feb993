"""The stages of the pipeline, one module each; `main(workspace)` reads tables, calls pure functions and writes tables."""
