#!/bin/sh
# Waits until a stream table is populated; needs dbt, and nothing else.
#
#   ./scripts/wait_for_populated.sh MODEL [SECONDS]
set -eu
model=${1:?usage: wait_for_populated.sh MODEL [SECONDS]}
seconds=${2:-30}
cd "$(dirname "$0")/.."
exec dbt run-operation pgstream_wait_for_populated --args "{model_name: $model, timeout_seconds: $seconds}"
