#!/bin/sh
# Invoke a function that an operator invokes, until it is done, and print what it answers each time.
#   until_done.sh FUNCTION EVENT, such as: until_done.sh "$REINDEX" '{}'
set -eu
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
event=$2
while [ "$event" != null ]; do
  failure=$(aws lambda invoke --function-name "$1" --payload "$event" --cli-binary-format raw-in-base64-out \
    --query FunctionError --output text "$answer")
  cat "$answer"
  echo
  if [ "$failure" != None ]; then
    echo "It failed. To go on: $0 $1 '$event'" >&2
    exit 1
  fi
  event=$(python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["next"]))' "$answer")
  sleep 1
done
