"""``dragoman doctor``: is this device fit, and if not, what mends it?

Probes (``listening``, ``cloud``, ``broker``, ``board``, ``service``) look at the world
and hand what they saw to verdicts, which are pure.  ``examination`` runs them one by one,
each for a bounded time.
"""
