#!/bin/bash
# A sweep on a Ray cluster inside one Slurm job. Arguments after the script's name are passed to `sfddm-bench run`:
#   sbatch --nodes=4 --gpus-per-node=8 docs/slurm/ray.sh --dataset cifar10 --steps 1,4,16 --seeds 0,1,2
# Submit it from a folder that all nodes share, with sfddm-bench on the PATH; resubmit it to resume.
#SBATCH --job-name=sfddm-ray
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
set -euo pipefail

head=$(hostname)                                # this script runs on the job's first node
address=$head:$((20000 + SLURM_JOB_ID % 20000)) # this job's own port
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}    # a stage on the CPU has this many threads, and asks for as many CPUs
export RAY_USAGE_STATS_ENABLED=0
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # since Slurm 22.05 srun does not take it from sbatch
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n') # without it, anyone who reaches a port could run programs
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token

srun --nodes=1 --ntasks=1 --nodelist="$SLURMD_NODENAME" \
    ray start --head --port="${address#*:}" --num-cpus="$SLURM_CPUS_PER_TASK" --include-dashboard=false --block &
ray=$!
until (: < "/dev/tcp/$head/${address#*:}") 2> /dev/null; do
    # Neither for ever, nor after its end: a head that cannot start ends the job.
    if ! kill -0 "$ray" 2> /dev/null || [ "$SECONDS" -gt "${HEAD_SECONDS:-300}" ]; then
        echo "ray.sh: the head of the Ray cluster did not start on $head; its own messages are above" >&2
        exit 1
    fi
    sleep 1
done

if [ "$SLURM_NNODES" -gt 1 ]; then
    srun --nodes=$((SLURM_NNODES - 1)) --ntasks=$((SLURM_NNODES - 1)) --exclude="$SLURMD_NODENAME" \
        ray start --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
fi

sfddm-bench run --executor ray --address "$address" "$@" # when it ends, Slurm ends Ray with the job
