#!/bin/bash
# One method in each task of a Slurm array, each on all GPUs of a node. All tasks share one run folder, and each stage is
# computed by one of them. Arguments after the script's name are passed to `sfddm-bench run`:
#   sbatch --gpus-per-node=8 docs/slurm/array.sh --dataset cifar10 --steps 1,4,16
# Submit it from a folder that all nodes share, with sfddm-bench on the PATH; resubmit it to resume.
#SBATCH --job-name=sfddm-array
#SBATCH --array=0-2
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
set -euo pipefail

methods=(sfddm pd ddim) # as many as the array has tasks

srun torchrun --standalone --nproc-per-node="${SLURM_GPUS_ON_NODE:-1}" --no-python \
    sfddm-bench run --methods "${methods[$SLURM_ARRAY_TASK_ID]}" "$@"
