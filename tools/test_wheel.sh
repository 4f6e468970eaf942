#!/usr/bin/env bash
# Builds the wheel, installs it without extras into an environment of its own, and does there what a user does first. Then
# trains on each layout of data that `train` knows.
# Other packages have the versions of .venv, which the tests ran with. Called by `make test-wheel`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/environments.sh

"${VENV_BIN}/uv" build --quiet --wheel --out-dir "${work}" .
"${VENV_BIN}/python" -m pip freeze --exclude-editable >"${work}/versions.txt"
install --constraints "${work}/versions.txt" "${work}"/clipteacher-*.whl
journey

# One command on each layout of data, with the extras that it needs where no CLIP can be had.
export HF_HUB_OFFLINE=1 HF_HOME="${work}/hub"
install --constraints "${work}/versions.txt" "$(echo "${work}"/clipteacher-*.whl)[imagenet,convert]"
(cd "$(mktemp -d -p "${work}")" && "${environment}/bin/python" "${root}/tools/layouts_journey.py")
