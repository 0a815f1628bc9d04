#!/usr/bin/env bash
# sbatch --nodes=2 --gpus-per-node=8 scripts/slurm_train.sh LAUNCH_FILE RECIPE [--set KEY=VALUE ...]
#
# Training on several machines under Slurm. LAUNCH_FILE is a copy of recipes/accelerate/multi_gpu.yaml (or fsdp2.yaml,
# zero3.yaml) whose num_machines and num_processes are what sbatch asks for; training refuses to run in another world.
# Before: `wellgate prepare RECIPE` where the data may be read, and the base model in the cache of a shared file system;
# runs_dir must be shared too. STAGES="sft dpo" trains both stages; sft alone by default. Add your site's --partition,
# --account and --constraint on sbatch's command line.
#
# Two minutes before its time is up, and when Slurm preempts it, the job stops and is queued again: training goes on from
# its last checkpoint, and a stage that is done is not trained again.
#SBATCH --job-name=wellgate
#SBATCH --ntasks-per-node=1
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
set -euo pipefail

launch=${1:?LAUNCH_FILE, as recipes/accelerate/multi_gpu.yaml}
recipe=${2:?RECIPE, as recipes/demo-cpu.yaml}
shift 2

machines=$(sed -n 's/^num_machines: *\([0-9]*\).*/\1/p' "$launch")
if [ "$machines" != "$SLURM_NNODES" ]; then
  echo "slurm_train.sh: $launch says num_machines: ${machines:-nothing}, the job has $SLURM_NNODES; make them equal" >&2
  exit 2
fi
read -r MAIN_HOST < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
MAIN_PORT=$((20000 + SLURM_JOB_ID % 10000))
export MAIN_HOST MAIN_PORT HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}

again() {
  echo "slurm_train.sh: stopping, and queueing the job again; training goes on from its last checkpoint"
  kill -TERM "$step" 2>/dev/null || true
  wait "$step" || true
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
}
trap again USR1

for stage in ${STAGES:-sft}; do
  # SLURM_NODEID is known on each machine only, so each machine's own shell fills it in.
  # shellcheck disable=SC2016
  srun --kill-on-bad-exit=1 bash -c '
    launch=$1 script=$2 recipe=$3
    shift 3
    exec accelerate launch --config_file "$launch" --machine_rank "$SLURM_NODEID" \
      --main_process_ip "$MAIN_HOST" --main_process_port "$MAIN_PORT" --rdzv_backend c10d \
      "$script" "$recipe" --set "launch=$launch" "$@"
  ' train "$launch" "train/$stage.py" "$recipe" "$@" &
  step=$!
  wait "$step"
done
