#!/usr/bin/env bash
# PyTorch finds the same losses and gradients of every distillation, and the same memory bank after 100 steps.
# timeout: 240
exec /usr/bin/python3 "$2/tools/oracle/kd.py" --program "$1"
