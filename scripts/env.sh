# Sourced by the other scripts: `env=$(pgstream_env main)` prints the path of a ready virtual environment.
#
# An environment is constraints/NAME.txt as it stands, and NAME.no-deps.txt without what it asks for, with this checkout
# installed editable. It lives under .envs/ and is made anew when those files, pyproject.toml, the Python version or the
# place of this checkout change. Needs only Python >= 3.11 and a package index.

# uv trusts certificates of its own, where pip and the rest of the machine trust those of the system: of a company's
# proxy, say. Newer versions name the option otherwise than older ones; either ignores the name that it does not know.
pgstream_trust_the_system() {
    [ -z "${UV_SYSTEM_CERTS-}${UV_NATIVE_TLS-}${SSL_CERT_FILE-}${SSL_CERT_DIR-}" ] || return 0
    # Without a store, as in the smallest containers, uv's own certificates are what there is.
    for store in /etc/ssl/certs/* /etc/ssl/*.pem /etc/pki/tls/certs/* /System/Library/Keychains/*; do
        [ ! -e "$store" ] || {
            export UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true
            return 0
        }
    done
}
pgstream_trust_the_system

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
        if "$python" -m venv --clear .envs/boot >/dev/null 2>&1; then
            .envs/boot/bin/python -m pip install --quiet 'uv>=0.5' >&2 || {
                echo "$0: pip could not install uv (above: why): is a package index reachable?" >&2
                return 1
            }
        else
            # Debian and Ubuntu have venv in a package of its own; uv needs none.
            rm -rf .envs/boot
            "$python" -m pip install --quiet --target .envs/boot 'uv>=0.5' >&2 || {
                echo "$0: $python makes no virtual environment ('$python -m venv .envs/boot' says why), and has no pip that installs uv without one (Debian and Ubuntu: apt-get install python3-venv)" >&2
                return 1
            }
        fi
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
    stamp=$(echo "$PWD"; "$python" --version; cksum "$pins" "$extra" pyproject.toml)
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
