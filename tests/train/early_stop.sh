#!/usr/bin/env bash
# An early stop that cannot happen is said once, and validation samples that show none of the modalities count for nothing.
set -euo pipefail
rebasis=$1
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

# The only modality is missing from all 8 validation samples and from 30 of 36 training samples.
"$rebasis" data synth planted -o p.h5 --set samples=60 --set modalities=2 --set names=a,b --set missing=0,0.9 --set seed=1 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 4}
modalities: {b: {encoder: {hidden: [4], out: 3}}}
analysis: {every_epochs: 2, measure: [rank]}
train: {epochs: 2}
YAML
said() { grep -c "rebasis: warning: .*$1" err || true; }

expect 0 2 'parameters_xxh64' train run.yaml --out plain
[[ $(said '') == 0 ]] || fail "a warning for nothing"
[[ $(key plain/analysis/rank.json split) == train ]] || fail "measured on $(key plain/analysis/rank.json split)"
[[ $(key plain/analysis/rank.json n) == 6 ]] || fail "measured on $(key plain/analysis/rank.json n) samples"

expect 0 2 'parameters_xxh64' train run.yaml --out patient --set train.early_stop.patience=1
[[ $(said 'early_stop.patience: 1') == 1 ]] || fail "patience without a metric"
expect 0 2 'parameters_xxh64' train run.yaml --out chosen --set 'train.early_stop={metric: validation.loss, patience: 1}'
[[ $(said 'no validation sample') == 1 && $(said '') == 1 ]] || fail "a metric without a sample"
