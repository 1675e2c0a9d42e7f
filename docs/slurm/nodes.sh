#!/bin/bash
# One sweep under torchrun on all GPUs of several nodes: each training and sampling is shared by all of them. Arguments
# after the script's name are passed to `sfddm-bench run`:
#   sbatch --nodes=4 --gpus-per-node=8 docs/slurm/nodes.sh --dataset lsun_church --steps 4
# Submit it from a folder that all nodes share, with sfddm-bench on the PATH; resubmit it to resume.
#SBATCH --job-name=sfddm-nodes
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
set -euo pipefail

export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # since Slurm 22.05 srun does not take it from sbatch
port=$((20000 + SLURM_JOB_ID % 20000))          # this job's own; this script runs on the job's first node

srun torchrun --nnodes="$SLURM_NNODES" --nproc-per-node="${SLURM_GPUS_ON_NODE:-1}" \
    --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$(hostname):$port" --no-python \
    sfddm-bench run "$@"
