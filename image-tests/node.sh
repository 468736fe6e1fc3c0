#!/bin/sh
# Runs inside the image under test, with no network and a read-only root. Exit 0 lets it pass.
set -eu
case "${BACKGROUND_COLOR:-}" in
  "") echo "BACKGROUND_COLOR is not set"; exit 1 ;;
  [Rr]ed) echo "BACKGROUND_COLOR is $BACKGROUND_COLOR, and red is not allowed"; exit 1 ;;
esac
test -x /bin/sh
echo "BACKGROUND_COLOR is $BACKGROUND_COLOR"
