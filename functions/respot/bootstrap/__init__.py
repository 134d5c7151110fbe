"""The composition root: settings, clients and adapters become the shells, a module for each function.

One module each, so that a function imports what it uses and nothing else: imports are most of a cold start.
"""
