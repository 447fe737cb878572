#!/usr/bin/env bash
# Write requirements.lock anew: every package that the project, its extras and its build need, pinned and hashed.
# Needs uv. The file names no index and no path, so that it installs from whatever index the machine is set up with.
set -euo pipefail
cd "$(dirname "$0")/.."

{
    echo "# Written by scripts/lock.sh (make lock). Install with: pip install --require-hashes -r requirements.lock"
    uv pip compile pyproject.toml - --quiet \
        --extra train --extra dev \
        --universal --python-version 3.11 \
        --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        "$@" <<'BUILD'
setuptools>=77
BUILD
} >requirements.lock.new
mv requirements.lock.new requirements.lock
