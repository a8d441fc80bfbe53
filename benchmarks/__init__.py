"""What the product is held to, measured on real servers; see CONTRIBUTING.md, "Benchmarks"."""
