"""The caption screen: live bilingual captions in a browser, and the device's controls.

:class:`~agent.web.screen.CaptionScreen` stands in the main thread beside the terminal's
``Live``; :class:`~agent.web.server.Server` is the one thread that talks to browsers.
Nothing of this is imported unless ``web.listen`` is set.
"""
