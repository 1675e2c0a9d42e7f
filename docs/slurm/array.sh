#!/bin/bash
# One method in each task of a Slurm array, each on all GPUs of a node. All tasks share one run folder, and each stage is
# computed by one of them. Arguments after the script's name are passed to `sfddm-bench run`:
#   sbatch --gpus-per-node=8 docs/slurm/array.sh --dataset cifar10 --steps 1,4,16
# Submit it from a folder that all nodes share, with sfddm-bench on the PATH; resubmit it to resume.
# The first job makes what all methods need, the teacher and its images, on one node; only then does the array begin, so
# that no task holds GPUs while it waits for another.
#SBATCH --job-name=sfddm-array
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
set -euo pipefail

methods=(sfddm pd) # a task of the array for each; ddim, which trains nothing, is done by the first job
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # since Slurm 22.05 srun does not take it from sbatch

if [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
    # The GPUs of this job are asked for again by name: an option of sbatch's command line is not in the script.
    sbatch --dependency="afterok:$SLURM_JOB_ID" --kill-on-invalid-dep=yes --array="0-$((${#methods[@]} - 1))" \
        ${SLURM_GPUS_ON_NODE:+--gpus-per-node="$SLURM_GPUS_ON_NODE"} \
        "$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *Command=\([^ ]*\).*/\1/p')" "$@"
    method=ddim
else
    method=${methods[$SLURM_ARRAY_TASK_ID]}
fi

srun torchrun --standalone --nproc-per-node="${SLURM_GPUS_ON_NODE:-1}" --no-python \
    sfddm-bench run --methods "$method" "$@"
