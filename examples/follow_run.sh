#!/bin/sh
# Follow a run through all of its jobs to its end, and print where its model is: examples/follow_run.sh JOB
set -eu

if model=$(respot wait "$1" --timeout 24h --output model); then
    echo "$model"
else
    code=$?
    [ "$code" -eq 6 ] || respot why "$1" >&2
    exit "$code"
fi
