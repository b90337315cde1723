# Sourced by scripts/install, scripts/setup and scripts/wheels: what they say, Debian's
# packages, and Python.

# Of another environment, or for this user only: not for what is made here.
unset PYTHONHOME PYTHONPATH
export PIP_USER=no
PATH=$PATH:/usr/sbin:/sbin  # plain su leaves them out

say() { if [ -t 1 ]; then printf '\033[1m==>\033[0m %s\n' "$*"; else printf '==> %s\n' "$*"; fi; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null; }

# These may be told more.
apt=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq) query=(dpkg-query) as_root=()

# unsudo COMMAND...: runs it instead as the user who called sudo, if the checkout is theirs: else
# files of root would lie about in it.  Only Debian packages need root, and ask for it.
unsudo() {
    if [ "$(id -u)" -eq 0 ] && [ "${SUDO_UID:-0}" -ne 0 ] && [ "$(stat -c %u "${1%/*}")" = "$SUDO_UID" ]; then
        exec sudo -H -u "$SUDO_USER" -- "$@"
    fi
}

installed() { "${query[@]}" -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort; }

missing() {  # missing PACKAGE...: those that are not installed
    local there
    there=$(installed)
    for package in "$@"; do grep -qxF "$package" <<<"$there" || echo "$package"; done
}

# apt-get, whose words are shown only when it fails.  It waits for another one to end: a
# system that comes up for the first time updates itself.  (apt's own DPkg::Lock::Timeout
# does not wait for the lock on the lists of packages.)
apt_get() {
    local words waited=0
    until words=$("${as_root[@]}" "${apt[@]}" "$@" 2>&1); do
        if ! grep -q 'Could not get lock' <<<"$words" || [ $waited -ge 900 ]; then
            sed -n '/ REMOVED:$/,/^[^ ]/s/^  / it would take away /p' <<<"$words" >&2
            grep -E '^(E:|W: Failed)' <<<"$words" | tail -n 3 >&2 || tail -n 3 <<<"$words" >&2
            return 1
        fi
        [ $waited -gt 0 ] || say "waiting for another program that installs packages to end"
        sleep 5
        waited=$((waited + 5))
    done
}

# Nothing that is installed is taken away for it, as a desktop's sound server would be.
install_packages() { apt_get install -y --no-install-recommends --no-remove "$@"; }

# alone DIR: from here to the end of this shell nobody else who asks for it changes what is in there.
alone() {
    exec 9<"$1"
    flock -n 9 || { say "waiting for another installation to end"; flock 9; }
}

# environment DIR: a virtual environment there that works.  Half made, killed while it changed, or
# made for a Python that is gone since the system was upgraded: made anew.  Uses $python.
environment() {
    if [ ! -e "$1/.changing" ] && "$1/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    say "making a virtual environment in $1 ($("$python" --version))"
    rm -rf "$1"
    "$python" -m venv "$1"
}

# changing DIR COMMAND...: one that installs into the environment in DIR.  Where it is killed, what is
# in there looks whole to pip and need not be.
changing() {
    local code=0
    touch "$1/.changing"
    trap 'exit 130' INT  # pip ends in its own way
    "${@:2}" || code=$?
    trap - INT
    rm "$1/.changing"
    return $code
}

# Prints the Python to use.  One in a home directory is none for a service, which sees no homes.
find_python() {
    local refused=${1:-}
    for python in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
        has "$python" || continue
        "$python" -c 'import sys
sys.exit(sys.version_info < (3, 11) or sys.base_prefix.startswith(tuple(sys.argv[1:])))' \
            ${refused:+/home/ /root/ /run/} 2>/dev/null || continue
        command -v "$python"
        return
    done
    return 1
}

# What pip said, in a file, in the one or two lines that matter.
why() {
    local reason
    if grep -qE 'NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|name resolution|SSLError' "$1"; then
        reason=$(grep -oE '(\[Errno [^]]*\] [^)"'\'']*|certificate verify failed: [^("]*|timed out[^,]*)' "$1" | tail -n 1)
        echo "PyPI cannot be reached: $reason"
        return
    fi
    grep -E '^ *(ERROR|error|fatal error|[^ ]*: fatal error): ?' "$1" | sed 's/^ *//' | awk '!seen[$0]++' | tail -n 3 |
        grep . || tail -n 3 "$1"
}
unreachable() { why "$1" | grep -q '^PyPI cannot be reached'; }

# pip_install LOG PYTHON WHAT...: ready made; what nobody offers ready made for this machine is
# compiled, which is said.  With need_packages of the script that sources this.
pip_install() {
    local log=$1 python=$2 how=(--only-binary :all:) before='' culprit
    shift 2
    until "$python" -m pip install --quiet --disable-pip-version-check --use-pep517 "${how[@]}" "$@" >"$log" 2>&1; do
        culprit=$(sed -n 's/.*No matching distribution found for \([A-Za-z0-9_.-]*\).*/\1/p' "$log" | tail -n 1)
        if grep -q ResolutionImpossible "$log"; then  # pip keeps to itself which: with pins in its way
            culprit=all
            [ -n "$before" ] || culprit=pyalsaaudio  # it has no wheel anywhere
        fi
        if unreachable "$log" || [ -z "$culprit" ] || [ "$culprit" = "$before" ] || ! has_source "$culprit"; then return 1; fi
        before=$culprit
        case $culprit in
            all) how=(--prefer-binary) ;;
            *) how+=(--no-binary "$culprit") ;;
        esac
        if [ "$culprit" = pyalsaaudio ]; then
            say "compiling pyalsaaudio, which takes seconds"
            need_packages gcc python3-dev libasound2-dev
        else
            say "${culprit/#all/something} is not ready made for $("$python" --version) on $(uname -m): compiling it takes minutes"
            need_packages gcc g++ make python3-dev libasound2-dev
        fi
    done
}
has_source() { [ -z "${wheels:-}" ] || compgen -G "$wheels/${1//-/?}-*.tar.gz" >/dev/null; }
