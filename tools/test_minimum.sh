#!/usr/bin/env bash
# Tries the lowest version of every dependency that pyproject.toml admits: what a user does first, and the tests of what
# depends on other packages. Called by `make test-minimum`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/environments.sh

TESTS=(tests/method tests/inference tests/evaluation tests/segmenter tests/storage tests/students tests/teachers
  tests/data/test_augment.py tests/data/test_dataset.py tests/convert/test_coco.py tests/onnx tests/video tests/training)

install_lowest() { # install_lowest EXTRA...: with lowest direct dependencies; others as new as they fit
  local extras=("${@/#/--extra=}")
  "${VENV_BIN}/uv" pip compile --quiet --resolution lowest-direct --python "${VENV_BIN}/python" \
    --output-file "${work}/lowest.txt" "${extras[@]}" pyproject.toml
  "${VENV_BIN}/uv" pip sync --quiet --python "${environment}/bin/python" "${work}/lowest.txt"
  install --no-deps .
  install --constraints "${work}/lowest.txt" pytest pytest-xdist hypothesis scikit-learn
}

run_tests() { # run_tests PATH...: of what is installed
  "${environment}/bin/python" -m pytest -q -n auto --maxprocesses 2 -p no:cacheprovider "$@"
}

install_lowest imagenet convert onnx video
journey imagenet convert onnx video
run_tests "${TESTS[@]}"

# Gradio needs a newer huggingface-hub than transformers admits at its lowest version.
install_lowest app
journey app
run_tests tests/app --ignore tests/app/test_browser.py
