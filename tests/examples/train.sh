#!/bin/sh
# A trial as a shell script: the value arrives as an argument, the metric goes to $TUNEWRIGHT_METRICS.
# Here the "training" is awk, which computes Branin's function.
set -eu
awk -v x="$1" -v y="$2" 'BEGIN {
  pi = 3.141592653589793
  value = (y - 5.1 * x * x / (4 * pi * pi) + 5 * x / pi - 6) ^ 2 + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10
  printf "{\"branin\": %.9f}\n", value
}' > "$TUNEWRIGHT_METRICS"
