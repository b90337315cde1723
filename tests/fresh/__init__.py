"""The platform harness: what a new user does, in minimal systems of each platform promised.

* `roots` are the systems, made from packages; `host` what this machine needs for them;
* `machine` is a throw-away copy of one, in which commands run, with or without systemd;
* `checks` are what is tried there, `results` keeps what came out and draws the table.
"""
