#!/usr/bin/env bash
# The README's two commands on a machine that may be new, the oldest dependencies, and a judgement of what they did.
#
#   1  find a Python that can serve them, install one where there is none
#   2  run all three, the later ones too if an earlier one failed: one run tells everything that is wrong
#   3  ci/check.py reads what tox and the gate wrote; a run that proved nothing is red there
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
failed=()

say() { printf '\n== %s\n' "$*"; }

usable() { "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# A CI shell is no login shell, so pyenv may be there without being on PATH.
pyenv_root=${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}
if [ -d "$pyenv_root/versions" ]; then
    export PYENV_ROOT=$pyenv_root
    case ":$PATH:" in
        *":$PYENV_ROOT/shims:"*) ;;
        *) export PATH="$PYENV_ROOT/shims:$PYENV_ROOT/bin:$PATH" ;;
    esac
fi

# The README says python3. Where that one is too old or cannot make environments, another takes its name.
find_python() {
    usable python3 && return
    local candidate
    for candidate in python3.14 python3.13 python3.12 python3.11 "$pyenv_root"/versions/3.*/bin/python3 /usr/bin/python3; do
        usable "$candidate" || continue
        # Not a link: a shim of pyenv goes by the name under which it is called.
        mkdir -p .tox/ci-bin
        printf '#!/bin/sh\nexec "%s" "$@"\n' "$(command -v "$candidate")" >.tox/ci-bin/python3
        chmod +x .tox/ci-bin/python3
        export PATH="$PWD/.tox/ci-bin:$PATH"
        usable python3
        return
    done
    return 1
}

install_python() {
    local administrator=()
    [ "$(id -u)" = 0 ] || administrator=(sudo -n)
    "${administrator[@]}" apt-get update -q
    "${administrator[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy python3 python3-venv
}

# A stage that hangs is a failure with a name, well before the limit of the whole job.
stage() {
    local name=$1 limit=$2 command=$3
    say "$name: $command"
    timeout --kill-after=30 "$limit" bash -c "$command"
    local code=$?
    [ $code = 0 ] && return
    [ $code -ge 124 ] && echo "$name: stopped after $limit or killed"
    failed+=("$name (exit $code)")
}

if ! find_python && ! { install_python && find_python; }; then
    echo "ci: no Python 3.11 or later with venv, and none could be installed" >&2
    exit 3
fi
say "python3 is $(python3 -c 'import sys; print(sys.executable, sys.version.split()[0])')"

# What an earlier run left behind must not be judged as this one's.
mkdir -p .tox/ci
rm -rf .tox/ci/* .tox/gate/gate.json

readme() { stage "$2" "$3" "$1"; }

readme 'python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox -e gate' gate 45m
export TOX_RESULT_JSON=.tox/ci/matrix.json
readme '.venv/bin/tox' matrix 50m
export TOX_RESULT_JSON=.tox/ci/oldest.json
stage oldest 20m '.venv/bin/tox -e oldest'
unset TOX_RESULT_JSON

stage check 4m '.venv/bin/python ci/check.py --gate .tox/gate/gate.json .tox/ci/matrix.json .tox/ci/oldest.json'

if [ ${#failed[@]} -gt 0 ]; then
    printf -v list '%s, ' "${failed[@]}"
    say "ci: red: ${list%, }"
    exit 1
fi
say "ci: green"
