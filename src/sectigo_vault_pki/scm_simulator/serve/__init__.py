"""The program: what it listens on, its options, and what it says about itself."""
