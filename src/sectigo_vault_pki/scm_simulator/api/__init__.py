"""What SCM answers: one module for each group of paths, and what they share.

A new group is a module with a `routes` method like `organization_api`, and a line in `simulator.Simulator.routes`.
"""
