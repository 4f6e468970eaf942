# Sourced by test_minimum.sh and test_wheel.sh: an environment of its own, below a folder that is removed at the end.
# Packages come from the index by way of uv's cache (about 5 GB for each version of PyTorch; `uv cache clean` empties it).
# shellcheck shell=bash
root="${PWD}"
VENV_BIN="${VENV_BIN:-${root}/.venv/bin}"
mkdir -p build
work="$(mktemp -d "${root}/build/check.XXXXXX")"
environment="${work}/environment"
trap 'rm -rf "${work}"' EXIT
unset PYTHONPATH # the source tree must not hide what is installed
export OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

install() { # install ARGUMENT...: of `uv pip install`
  "${VENV_BIN}/uv" pip install --quiet --python "${environment}/bin/python" "$@"
}

journey() { # journey EXTRA...: what a user does first, in an empty folder
  (cd "$(mktemp -d -p "${work}")" && "${environment}/bin/python" "${root}/tools/user_journey.py" --extras "$@")
}

"${VENV_BIN}/uv" venv --quiet --python "${VENV_BIN}/python" "${environment}"
