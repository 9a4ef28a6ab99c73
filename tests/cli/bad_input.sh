#!/usr/bin/env bash
# Whatever is wrong with files, configurations and options is said once, in one line, and ends every rank with the same code.
# timeout: 600
set -euo pipefail
rebasis=$1 python=/usr/bin/python3
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

"$rebasis" data synth planted -o p.h5 --set samples=200 --set modalities=2 --set names=image,audio >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 40}
modalities: {image: {encoder: {hidden: [8], out: 6}}, audio: {encoder: {hidden: [8], out: 6}}}
missingness: {evaluate: [0.5]}
train: {epochs: 3, early_stop: {metric: validation.accuracy}}
checkpoint: {every_steps: 1, keep: 3}
YAML
train=(train run.yaml --out new)
refused() { # CODE RANKS PATTERN ARGUMENT…: and no run directory has appeared
  expect "$@"
  [[ ! -e new/checkpoints/latest ]] || fail "a run has begun"
  rm -rf new
}

# Options and subcommands.
expect 64 2 'trian: no such subcommand; did you mean train' trian
expect 64 0 'train: --lerning: unknown option' train --lerning 3
expect 64 2 'train: name one configuration file' train
expect 64 0 'train: name one configuration file' train run.yaml more.yaml
expect 64 0 'train: --set: missing argument' train run.yaml --set
expect 64 0 'plan: --ranks 0' plan run.yaml --ranks 0
expect 64 0 'is not a verb; did you mean import avmnist' data improt avmnist
expect 64 0 'is not a verb; did you mean inspect' data inspct run.yaml
expect 64 0 'seed -3' data import views a=none.csv --seed -3 -o x.h5
expect 64 0 'train: --watchdog soon: invalid' train run.yaml --watchdog soon
expect 64 2 'watchdog -1' train run.yaml --watchdog=-1
expect 64 0 'watchdog nan' sweep run run.yaml --watchdog=nan
expect 64 0 'data synth planted: name the file' data synth planted

# Configurations: FILE:LINE, and what would be right.
expect 66 2 'absent.yaml: ' train absent.yaml
mkfifo fifo
expect 66 0 'fifo: ' train fifo
mkdir folder
expect 66 0 'folder: ' train folder
yaml() { # PATTERN TEXT…: one line of run.yaml replaced or one added
  printf '%s\n' "${@:2}" >bad.yaml
  refused 78 0 "$1" train bad.yaml --out new
}
yaml 'bad.yaml:2:.*did you mean' 'data: {file: p.h5}' 'modalitys: {image: {}}'
yaml 'bad.yaml:1:.*(twice|duplicate)' 'data: {file: p.h5, file: p.h5}' 'modalities: {image: {}}'
yaml 'bad.yaml:1:' 'data: {file: p.h5, batch: 0}' 'modalities: {image: {}}'
yaml 'bad.yaml:3:' 'data: {file: p.h5}' 'modalities: {image: {}}' 'optimizer: {learning_rate: fast}'
yaml 'bad.yaml:3:' 'data: {file: p.h5}' 'modalities: {image: {}}' 'optimizer: {type: adan}'
yaml 'bad.yaml:3:' 'data: {file: p.h5}' 'modalities: {image: {}'
yaml 'bad.yaml:1:' '&a [*a]'
yaml 'modalities' 'data: {file: p.h5}'
yaml 'bad.yaml:3:.*fusion.strength|bad.yaml:3:.*adio' 'data: {file: p.h5}' 'modalities: {image: {}}' 'fusion: {strength: {adio: 2}}'
yaml 'run.name' 'run: {name: ../../x}' 'data: {file: p.h5}' 'modalities: {image: {}}'
refused 78 2 'set:1.*did you mean' "${train[@]}" --set data.bacth=3
refused 78 2 'imag.*did you mean .?image' "${train[@]}" --set 'modalities={imag: {}}'
refused 78 0 'did you mean.*class' "${train[@]}" --set data.task=clas
refused 78 0 'modalities.image' "${train[@]}" --set modalities.image.encoder.type=lenet
refused 78 2 'noise.shift: image is no picture' "${train[@]}" --set 'noise.shift={image: 2}'
refused 78 3 'use 2 or 4 ranks' "${train[@]}" --set grid.modality_groups=2

# Data files: missing, of the wrong sort, damaged.
refused 66 2 'absent.h5: ' "${train[@]}" --set data.file=absent.h5
for wrong in folder fifo /dev/zero; do refused '6[56]' 0 "$wrong: " "${train[@]}" --set data.file=$wrong; done
: >empty.h5
head -c 30000 /dev/urandom >garbage.h5
size=$(stat -c %s p.h5)
head -c $((size / 2)) p.h5 >half.h5
head -c $((size - 1)) p.h5 >short.h5
for wrong in empty garbage half short; do refused 65 2 "$wrong.h5: " "${train[@]}" --set data.file=$wrong.h5; done
flip() { # FILE OFFSET
  local byte
  byte=$(od -An -tu1 -j "$2" -N1 "$1")
  printf '%b' "\\x$(printf %x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
refused 65 0 'NaN|finite' "${train[@]}" --set data.file="$(
  cp p.h5 nan.h5
  $python -c 'import h5py
with h5py.File("nan.h5", "r+") as file:
  values = file["modalities/image/values"]
  values[150, 3] = float("nan")
  del values.attrs["xxh64"]' 2>/dev/null && echo nan.h5 || echo garbage.h5:NaN
)"
RANDOM=4
for ((k = 0; k < 12; k++)); do # in the values or in HDF5's own data: found, or without any effect
  cp p.h5 flip.h5
  flip flip.h5 $(((RANDOM * 32768 + RANDOM) % size))
  program 0 data inspect flip.h5 --verify
  [[ $(<codes/code.0) == 65 ]] || cmp -s out <("$rebasis" data inspect p.h5 --verify | sed 's/p\.h5/flip.h5/') ||
    fail "a flipped bit in a container: $(<codes/code.0)"
done

# Output that cannot be.
: >file
expect 73 2 'file/run' train run.yaml --out file/run
expect 73 0 'file' train run.yaml --out file
expect 0 2 'parameters_xxh64' train run.yaml --out good
cp -r good pristine
expect 73 2 'good: holds a run already; add --resume' train run.yaml --out good
diff -r good pristine >differ || fail "a refused run has changed something: $(<differ)"

# Numbers that are none.
huge=(train run.yaml --out huge --set optimizer.type=sgd --set optimizer.learning_rate=1000 --set optimizer.clip_norm=0 --set
  'modalities.image.encoder.hidden=[40, 40, 40]' --set train.epochs=60)
expect 70 2 'step [0-9]+: .*not finite' "${huge[@]}"
expect 70 0 'step [0-9]+: .*not finite' "${huge[@]}" --resume

# Checkpoints: a damaged one is passed over, and said so; without any there is no going on.
newest=checkpoints/$(readlink good/checkpoints/latest)
size=$(stat -c %s "good/$newest")
damaged() { # RANKS COMMAND…: the newest checkpoint damaged by COMMAND
  rm -rf hurt
  cp -r pristine hurt
  rm hurt/evaluation.json hurt/run.json
  (cd hurt && "${@:2}")
  expect 0 "$1" "warning: .*$(basename "$newest")" train run.yaml --out hurt --resume
  same_run hurt pristine
}
damaged 2 flip "$newest" $((size / 2))
damaged 0 flip "$newest" 3
damaged 0 flip "$newest" $((size - 5))
damaged 3 truncate -s $((size - 1)) "$newest"
damaged 0 truncate -s 0 "$newest"
damaged 0 truncate -s +1 "$newest"
rm -rf hurt
cp -r pristine hurt
for file in hurt/checkpoints/step-*.h5; do flip "$file" 2000; done
expect 65 2 'step-00000009.*step-00000008.*step-00000007' train run.yaml --out hurt --resume
flip hurt/best.h5 1000
expect 65 2 'best.h5: ' evaluate hurt
rm -r hurt/checkpoints hurt/best.h5
expect 66 0 'hurt/' evaluate hurt

# Going on with something else.
expect 78 2 'learning_rate|configuration' train run.yaml --out good --resume --set optimizer.learning_rate=0.5
expect 78 0 'seed|configuration' train run.yaml --out good --resume --set run.seed=7
"$rebasis" data synth planted -o other.h5 --set samples=210 --set modalities=2 --set names=image,audio >/dev/null
expect 78 0 'data' train run.yaml --out good --resume --set data.file=other.h5
# The same samples, labels and splits, but other numbers under the same name.
cp p.h5 first.h5
"$rebasis" data synth planted -o p.h5 --set samples=200 --set modalities=2 --set names=image,audio --set snr=3 >/dev/null
expect 78 2 'data_xxh64' train run.yaml --out good --resume
mv first.h5 p.h5
diff -r good pristine >differ || fail "a refused run has changed something: $(<differ)"

# Evaluation and prediction.
expect 66 2 'nowhere/config.yaml' evaluate nowhere
expect 64 0 'missing audio=2' evaluate good --missing audio=2
expect 64 2 'no modality adio; did you mean audio' evaluate good --drop adio
expect 64 0 'split' evaluate good --split tets
expect 73 2 'file/x.csv: ' predict good -o file/x.csv
expect 73 0 'file/x.json: ' evaluate good -o file/x.json
"$rebasis" data synth planted -o names.h5 --set samples=50 --set modalities=2 --set names=picture,audio >/dev/null
expect 78 2 'image' predict good --data names.h5 -o x.csv
expect 66 0 'absent.h5' predict good --data absent.h5 -o x.csv
expect 65 0 'half.h5' evaluate good --data half.h5
