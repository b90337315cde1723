"""What a crash must not forget: the ring and what of it is unanswered, in a file in memory.

The ring of a process that dies (``kill -9``, the watchdog, a crash in a C library) lies in a
mapped file in the runtime directory: memory, not card.  Beside it stands a small record of
which takes are unanswered and where a replay would begin.  The next process maps the same
file, goes on writing where the dead one stopped, and has the service take over as after an
outage.  Only an orderly stop removes the file.

``file``: the file, its lock, who is let in.  ``record``: the record on its bytes, never torn.
``held``: what is unanswered until its final is on the disk.  ``takeover``: what of it still
matters.  ``memory``: all of them together.
"""
