#!/bin/sh
# Follow a run through all of its jobs to its end, and print where its model is:
# examples/follow_run.sh JOB [--region REGION] [--created-since TIME]. Exits as `respot wait` does.
set -eu

if model=$(respot wait "$@" --timeout 24h --output model); then
    echo "$model"
else
    code=$?
    [ "$code" -ne 1 ] || respot why "$@" >&2 || true
    exit "$code"
fi
