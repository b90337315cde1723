"""The ears of a smart speaker: talking over it, and calling it by its name.

Nothing of this package is imported where it is not asked for.
"""
