#!/usr/bin/env bash
# The report's study of stage 2, at a size for two CPU cores: three losses and two normalisations, on the joints that a
# hourglass of hourglass.sh finds and on the true ones.
#
#     bash experiments/2026-11-study/lifter.sh studio runs/study runs/study/frso-4stack-seed0 0 1 2
#
# Every run is the same but for the recipe and its input: 20 of the report's 80 epochs.
set -euo pipefail
data=$1 runs=$2 hourglass=$3
shift 3
export OMP_NUM_THREADS=1
mkdir -p "$runs"
if [[ ! -e $runs/joints.npz ]]; then
    hourlift export "$hourglass/compact.pt" -o "$runs/hourglass.onnx"
    hourlift predict-joints "$data" --weights "$runs/hourglass.onnx" -o "$runs/joints.npz"
fi
train() { # name recipe inputs seed
    local out="$runs/lifter-$1-seed$4"
    [[ -e $out/done ]] && return
    rm -rf "$out"
    hourlift train lifter --recipe "$2" --data "$data" --inputs "$3" -o "$out" --seed "$4" --epochs 20 --threads 1
    touch "$out/done"
}
for seed in "$@"; do
    for loss in l2 compositional weighted; do
        train "$loss-true" "lifter-$loss" ground-truth "$seed"
        train "$loss-detected" "lifter-$loss" "$runs/joints.npz" "$seed"
    done
    train rays-true lifter-rays ground-truth "$seed"
    train rays-detected lifter-rays "$runs/joints.npz" "$seed"
done
