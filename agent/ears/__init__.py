"""The ears of a smart speaker: what lets it be talked to while it talks, and called by its name.

The speaker's sound is taken out of the microphone's by wrapping both devices: nothing of the
data path changes, and nothing of this package is imported where it is not asked for.
"""
