#!/bin/sh
# Starts the dragoman in use.  An upgrade of the system brings another Python, which does not
# see what was installed for the one before: that is said instead of a traceback.
release=$(readlink -f /opt/dragoman/current)
python=$(readlink -f "$release/bin/python3")
# The folder tells it in no time; where its name does not, Python itself does.
if [ -x "$python" ] && { [ -d "$release/lib/${python##*/}/site-packages/agent" ] ||
    "$release/bin/python3" -c 'import agent' 2>/dev/null; }; then
    # Without docstrings it takes a megabyte less: compiled by the installer, for this very Python.
    # (Where an upgrade has replaced it since, all would be compiled anew at each start.)
    if [ "$(stat -c %Y "$python" 2>/dev/null)" = "$(cat "$release/compiled/for" 2>/dev/null)" ]; then
        export PYTHONOPTIMIZE=2 PYTHONPYCACHEPREFIX="$release/compiled"
    fi
    exec "$release/bin/dragoman" "$@"
fi
echo "dragoman: the Python it was installed for is gone (was the system upgraded?):" \
    "sudo /opt/dragoman/current/source/scripts/install mends it and keeps the configuration" >&2
exit 2 # as for a wrong configuration: systemd does not try again, but dragoman-rebuild.service
