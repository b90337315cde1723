"""Hearing while talking: rooms, voices and a device in virtual time.

The microphone and the speaker are computed, all between them and the voice detector is the product.
"""
