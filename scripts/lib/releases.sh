# Sourced by scripts/install: versions side by side.
#
#   /opt/dragoman/releases/N   a virtual environment; in its "source" what makes it anew:
#                              the wheel, this installer and the unit
#   /opt/dragoman/current      -> the one in use; one rename switches, so that at every
#                              moment either the old one or the new one is there whole
#   /opt/dragoman/previous     -> the one before, to go back to: the last that has been seen to
#                              run, which is noted in its "proven"
#
# A release that neither link names is half made or no longer needed.

extras=pi,live,metrics

point() {  # point LINK TARGET: by one rename
    ln -sfn "$2" "$1.new"
    mv -T "$1.new" "$1"
}

put() {  # put MODE FILE PLACE: by one rename
    install -D -m "$1" "$2" "$3.new"
    mv -T "$3.new" "$3"
}

proven() { [ -n "$1" ] && [ -e "$home/$1/proven" ]; }  # proven RELEASE
named() { readlink "$home/$1" 2>/dev/null || true; }  # named current|previous: releases/N or nothing

# Earlier installers made one virtual environment in /opt/dragoman itself.
adopt() {
    if [ -x "$home/bin/dragoman" ] && [ -z "$(named current)" ]; then
        [ ! -e "$unit" ] || put 644 "$unit" "$home/source/systemd/dragoman.service"
        point "$home/current" .
    fi
}

tidy() {
    local kept=" $(named current) $(named previous) "
    for release in "$home"/releases/*; do
        case $kept in *" releases/${release##*/} "*) ;; *) rm -rf "$release" ;; esac
    done
    case $kept in
        *' . '*) ;;
        *) rm -rf "$home"/{bin,include,lib,lib64,share,source,pyvenv.cfg,proven} ;;
    esac
    rm -rf "$home"/*.new "$scratch"
}

next() {
    local last
    last=$(find "$home/releases" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -n 1)
    echo "releases/$((${last:-0} + 1))"
}

# --- building -------------------------------------------------------------------------------

pip() { "$made/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet "$@" >"$scratch/pip.log" 2>&1; }

pip_failed() {
    why "$scratch/pip.log" >&2
    if [ -n "$wheels" ]; then fail "$wheels does not hold what is needed; scripts/wheels makes such a folder"; fi
    unreachable "$scratch/pip.log" || fail "pip could not install dragoman"
    fail "needs the network, or a folder made by scripts/wheels where there is one: --wheels DIR"
}

# The wheel, and what makes it anew when the system's Python has changed.
keep_source() {
    local source=$made/source ours
    mkdir -p "$source"
    (cd "$source_dir" && cp -r --parents scripts/install scripts/lib systemd config/dragoman.yaml "$source")
    if [ -n "$wheel" ]; then
        cp "$wheel" "$source"
    elif [ -n "$wheels" ]; then
        ours=$(find "$wheels" -maxdepth 1 -name 'dragoman-*.whl' | sort -V | tail -n 1)
        [ -n "$ours" ] || fail "$wheels holds no dragoman-*.whl; scripts/wheels makes such a folder"
        cp "$ours" "$source"
    elif [ -d "$source_dir/agent" ]; then
        # Copied away first: a build leaves its traces.
        mkdir "$scratch/source"
        (cd "$source_dir" && cp -r agent setup.cfg pyproject.toml README.md LICENSE "$scratch/source")
        pip wheel --no-deps --wheel-dir "$source" "$scratch/source" || pip_failed
    else
        cp "$source_dir"/dragoman-*.whl "$source"
    fi
}

build() {
    made=$home/$new
    say "building in $made what will be in use when it is whole"
    "$python" -m venv "$made"
    keep_source
    local what from=() where=PyPI
    if [ -n "$wheels" ]; then from=(--no-index --find-links "$wheels") where=$wheels; fi
    what=$(echo "$made"/source/dragoman-*.whl)"[$extras]"
    say "installing dragoman and what it needs from $where"
    pip_install "$scratch/pip.log" "$made/bin/python" --no-cache-dir "${from[@]}" "$what" || pip_failed
    if [ -z "$root" ]; then compile "$made"; fi  # the paths are those of the device
}

# Compiles without docstrings what the service may load, for systemd/dragoman.sh to use: by
# loading it.  Where that does not work, it runs with them.
compile() {  # compile FOLDER
    PYTHONOPTIMIZE=2 PYTHONPYCACHEPREFIX=$1/compiled PYTHONDONTWRITEBYTECODE='' \
        "$1/bin/python" - >/dev/null 2>&1 <<'END' || return 0
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages
import agent
found = [module.name for module in walk_packages(agent.__path__, "agent.", lambda name: None)]
for name in [*found, "soxr", "numpy", "urllib3"]:
    with suppress(Exception):
        if not name.endswith("__main__"):
            import_module(name)
END
    chmod -R a+rX "$1/compiled"
    stat -c %Y "$(readlink -f "$1/bin/python3")" >"$1/compiled/for"
}

# As the service will: by its user, to whom a strict umask or folder may close the way.
as_account() { if [ -n "$root" ]; then "$@"; else runuser -u "$account" -- "$@"; fi; }

runs() {  # runs RELEASE
    as_account "$home/$1/bin/dragoman" --version >/dev/null 2>"$scratch/said"
}

# Is the configuration complete, with the credentials as systemd will pass them, and whatever
# else its unit gives to the one that runs?
accepts() {  # accepts RELEASE
    rm -rf "$scratch/passed"
    mkdir "$scratch/passed"
    for file in "$credentials"/*; do
        [ ! -f "$file" ] || ln -s "$file" "$scratch/passed/dragoman_${file##*/}"
    done
    (
        while IFS= read -r -d '' given; do
            case $given in PYTHON*) ;; *) export "${given?}" ;; esac  # those are of its own release
        done </proc/"${pid#MainPID=}"/environ
        export CREDENTIALS_DIRECTORY=$scratch/passed
        exec "$home/$1/bin/dragoman" check-config "$config" >/dev/null 2>"$scratch/said"
    ) 2>/dev/null
}

# --- switching ------------------------------------------------------------------------------

# Makes a release the one in use, its unit the one of systemd.  All that is needed is on the
# disk before the rename, and the rename before anything is removed.
use() {  # use RELEASE
    put 755 "$source_dir/systemd/dragoman.sh" "$home/dragoman"
    sync -f "$home"
    point "$home/current" "$1"
    for file in "$home/$1"/source/systemd/*.service; do put 644 "$file" "${unit%/*}/${file##*/}"; done
    mkdir -p "${command%/*}"
    point "$command" /opt/dragoman/dragoman
    sync -f "$home"
    "${control[@]}" enable --quiet dragoman.service
    if booted; then "${control[@]}" daemon-reload; fi
}

activity() { "${control[@]}" is-active dragoman.service 2>/dev/null || true; }
main_pid() { "${control[@]}" show --property MainPID dragoman.service; }

# Restart: systemd waits for READY.  Then it has to stay up.
healthy() {
    "${control[@]}" restart dragoman.service 2>/dev/null || return 1
    local began
    began=$(main_pid)
    sleep 8
    [ "$(activity)" = active ] && [ "$(main_pid)" = "$began" ] || return 1
    touch "$home/$(named current)/proven"
}

last_words() {  # last_words SINCE, in seconds since 1970
    journalctl -u dragoman.service -o cat --no-pager --since "@$1" 2>/dev/null | tail -n 10 | sed 's/^/    /' >&2 || true
}
