#!/usr/bin/env bash
# Builds the wheel, installs it without extras into an environment of its own, and does there what a user does first. Then
# trains on each layout of data that `train` knows. Last, the wheel without PyTorch segments with an ONNX file.
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

# The wheel without what it depends on, but for what an ONNX file needs.
bare="${work}/bare"
"${VENV_BIN}/uv" venv --quiet --python "${VENV_BIN}/python" "${bare}"
environment="${bare}" install --constraints "${work}/versions.txt" numpy pillow onnxruntime
environment="${bare}" install --no-deps "${work}"/clipteacher-*.whl
"${VENV_BIN}/python" tools/without_torch.py export "${work}/student.onnx"
(cd "${work}" && "${bare}/bin/python" "${root}/tools/without_torch.py" segment student.onnx)
