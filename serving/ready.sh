#!/bin/bash
# Asks a model for a real answer and ends with 0 if there is one: the health check of docker-compose.yml and the
# readiness probe of kubernetes/. It needs bash alone, which is all that TensorFlow Serving's image has.
#
#   ready.sh [REST_PORT]
#
# The smallest model adapts to two points and answers one query, within milliseconds: loading, the session and
# its threads, and the graph are all in the way. A port that is open, or a model that says AVAILABLE, proves less.
set -euo pipefail

model=maml_sinusoid
body='{"instances": [{"support_x": [[-1.0], [1.0]], "support_y": [[0.0], [0.5]], "query_x": [[0.0]]}]}'

exec 3<>"/dev/tcp/127.0.0.1/${1:-8501}"
printf '%s\r\n' "POST /v1/models/$model:predict HTTP/1.1" "Host: localhost" "Content-Type: application/json" \
  "Content-Length: ${#body}" "Connection: close" "" >&3
printf '%s' "$body" >&3
if ! read -r -t 5 _ status _ <&3; then
  echo "$model gave no answer within 5 s"
  exit 1
fi
if [[ $status != 200 ]]; then
  echo "$model answered HTTP $status"
  exit 1
fi
