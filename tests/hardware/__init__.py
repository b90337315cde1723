"""The hardware harness: a throw-away Debian machine that has what boards have.

* `host` is this machine: whether a guest can run here, and how it reaches packages;
* `image` builds the guest's disk, `guest` boots it for one command, `suite` shows what came out;
* `checks` run inside the guest: sound card, GPIO, doctor, systemd, installer.
"""
