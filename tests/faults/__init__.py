"""The fault suite: a whole device in front of networks, clouds, brokers and sound that fail.

* `speech` is what is said: words that are speech to the device and provable at the cloud;
* `proxy` is the bad network;
* `rig` is a device of the real `agent.app.App` between them, `device` its scripted sound;
* `measure` finds what was lost, doubled or sent too fast;
* `streams`, `unwell`, `badday`, `talk`, `clouds`, `sound`, `reports` are the faults, `suite` runs
  them, `table` shows them;
* `chaos` strikes at random, `soak` for long.
"""
