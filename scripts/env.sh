# Sourced by the other scripts: `env=$(pgstream_env main)` prints the path of a ready virtual environment.
#
# An environment is constraints/NAME.txt as it stands, and NAME.no-deps.txt without what it asks for, with this checkout
# installed editable. It lives under .envs/ and is made anew when those files, pyproject.toml or the Python version
# change. Needs only Python >= 3.11 and a package index.

pgstream_python() {
    python=${PYTHON:-python3}
    command -v "$python" >/dev/null 2>&1 || {
        echo "$0: '$python' is not on PATH: install Python 3.11 or newer, or name one with PYTHON=/path/to/python3" >&2
        return 1
    }
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "$0: $("$python" --version 2>&1) is too old: Python 3.11 or newer is needed; name one with PYTHON=/path/to/python3" >&2
        return 1
    }
    echo "$python"
}

pgstream_uv() {
    uv=.envs/boot/bin/uv
    if [ ! -x "$uv" ]; then
        python=$(pgstream_python) || return 1
        mkdir -p .envs
        "$python" -m venv .envs/boot >&2 || {
            echo "$0: '$python -m venv' failed (Debian and Ubuntu: apt-get install python3-venv)" >&2
            return 1
        }
        .envs/boot/bin/python -m pip install --quiet 'uv>=0.5' >&2 || {
            echo "$0: pip could not install uv: is a package index reachable?" >&2
            return 1
        }
    fi
    echo "$uv"
}

pgstream_env() {
    name=$1
    pins=constraints/$name.txt
    env_dir=$PWD/.envs/$name
    python=$(pgstream_python) || return 1
    extra=constraints/$name.no-deps.txt
    [ -e "$extra" ] || extra=/dev/null
    stamp=$("$python" --version; cksum "$pins" "$extra" pyproject.toml)
    if [ "$stamp" != "$(cat "$env_dir/stamp" 2>/dev/null)" ]; then
        uv=$(pgstream_uv) || return 1
        echo "installing the environment '$name' (once)" >&2
        rm -rf "$env_dir"
        "$uv" venv --quiet --python "$(command -v "$python")" "$env_dir" >&2 &&
            VIRTUAL_ENV=$env_dir "$uv" pip install --quiet --requirement "$pins" >&2 &&
            VIRTUAL_ENV=$env_dir "$uv" pip install --quiet --no-deps --requirement "$extra" --editable . >&2 || {
            echo "$0: the environment '$name' could not be installed; remove .envs and try again" >&2
            return 1
        }
        echo "$stamp" >"$env_dir/stamp"
    fi
    echo "$env_dir"
}
