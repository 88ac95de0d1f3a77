#!/usr/bin/env bash
# The report's study of stage 1, at a size for two CPU cores: augmentation policies, and 4 stacks against 2.
#
#     hourlift synth --preset studio --count 20000 --size 144 --workers 2 -o studio
#     bash experiments/2026-11-study/hourglass.sh studio runs/study 0 1 2
#
# Every run is the same but for the recipe: 64-pixel crops, width 64, cross-entropy, 1,000 steps of 32.
set -euo pipefail
data=$1 runs=$2
shift 2
train() { # name seed options...
    local out="$runs/$1-seed$2" seed=$2
    shift 2
    [[ -e $out/done ]] && return
    rm -rf "$out"
    hourlift train hourglass --data "$data" -o "$out" --seed "$seed" --input-size 64 --width 64 --batch-size 32 \
        --steps 1000 --validate-every 100 --loss cross_entropy --read-workers 0 --threads 1 "$@"
    touch "$out/done"
}
for seed in "$@"; do
    for policy in none frs frso frsos overlap full strong; do
        train "$policy" "$seed" --recipe "$policy-2stack"
    done
    train frso-4stack "$seed" --recipe frso-2stack --stacks 4
done
