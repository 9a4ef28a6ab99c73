# A Slurm cluster of several nodes on this machine, for one test: to be sourced. Everything lives below one folder and on loopback; the
# daemons are children of this shell, known by their pids, and end with it. Nothing outside the folder is read or written.
#   cluster_need               ends with 77 and says why where a cluster cannot be had
#   cluster_start DIR NODES CPUS [LINE…]   nodes n1 … nNODES; LINEs go to slurm.conf; clients find it through SLURM_CONF, which is exported
#   node_start N, node_stop N              one slurmd; stop is SIGKILL: what runs there goes on, and nobody looks after it
#   controller_start, controller_stop
#   cluster_stop               all of it, and whatever still runs on the nodes
# With namespaces (root with CAP_SYS_ADMIN) every node has a hostname and a /dev/shm of its own, and jobs may span nodes. Without them
# cluster_spans is 0 and a job has to stay on one node: Open MPI tells nodes apart by their names.
cluster_dir='' cluster_nodes=0 cluster_spans=0
declare -A cluster_pid=()

cluster_need() {
  local command
  for command in munged munge slurmctld slurmd sbatch srun squeue scontrol setpriv; do
    command -v "$command" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null || {
      echo "skipped: no Slurm here ($command is missing; Debian: slurm-wlm, munge)"
      exit 77
    }
  done
  PATH=$PATH:/usr/sbin:/sbin
  if ((EUID)); then
    echo "skipped: slurmd wants to be root"
    exit 77
  fi
}

# COUNT ports in a row on which nobody listens.
cluster_ports() {
  local base port
  while :; do
    base=$((20000 + (RANDOM % 400) * 30))
    for ((port = base; port < base + $1; port++)); do
      if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue 2; fi
    done
    echo "$base"
    return
  done
}

# cluster_daemon NAME COMMAND…: a child that dies with this shell.
cluster_daemon() {
  local name=$1
  shift
  setpriv --pdeathsig KILL -- "$@" >>"$cluster_dir/log/$name.out" 2>&1 </dev/null &
  cluster_pid[$name]=$!
}

# Ends a daemon: cluster_end NAME SIGNAL, and waits.
cluster_end() {
  local pid=${cluster_pid[$1]:-}
  [[ -n $pid ]] || return 0
  kill "-$2" "$pid" 2>/dev/null || true
  for ((k = 0; k < 100; k++)); do
    grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$pid/status" 2>/dev/null || break # gone, or dead and not waited for
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  unset "cluster_pid[$1]"
}

cluster_until() { # SECONDS WHAT COMMAND…
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS > end)); then
      echo "cluster: $what did not happen" >&2
      tail -n 20 "$cluster_dir"/log/*.log >&2 || true
      return 1
    fi
    sleep 0.1
  done
}

cluster_configure() { # CPUS LINE…
  local host base cpus=$1 node memory
  shift
  host=$(hostname -s)
  base=$(cluster_ports $((cluster_nodes + 1)))
  memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  {
    cat <<CONF
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# What Slurm waits before it starts a requeued job again.
AuthInfo=socket=$cluster_dir/munge/socket,cred_expire=5
StateSaveLocation=$cluster_dir/state
SlurmdSpoolDir=$cluster_dir/spool/%n
TmpFS=$cluster_dir/tmp/%n
SlurmctldPidFile=$cluster_dir/slurmctld.pid
SlurmdPidFile=$cluster_dir/slurmd.%n.pid
SlurmctldLogFile=$cluster_dir/log/slurmctld.log
SlurmdLogFile=$cluster_dir/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
PropagateResourceLimits=NONE
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=20
InactiveLimit=0
KillWait=10
MinJobAge=300
SchedulerParameters=sched_interval=2,batch_sched_delay=0,bf_interval=2,sched_min_interval=100000
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
CONF
    for ((node = 1; node <= cluster_nodes; node++)); do
      echo "NodeName=n$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + node)) CPUs=$cpus RealMemory=$memory"
    done
    if [[ $* != *PartitionName=* ]]; then echo "PartitionName=all Nodes=ALL Default=YES DefaultTime=10"; fi
    printf '%s\n' "$@"
  } >"$cluster_dir/slurm.conf"
  echo "CgroupAutomount=no" >"$cluster_dir/cgroup.conf"
  {
    cat /etc/hosts
    for ((node = 1; node <= cluster_nodes; node++)); do echo "127.0.0.1 n$node"; done
  } >"$cluster_dir/hosts"
}

controller_start() {
  cluster_daemon slurmctld slurmctld -D
  cluster_until 30 "an answer of the controller" scontrol ping
}

controller_stop() { cluster_end slurmctld TERM; }

node_start() {
  local node=n$1
  mkdir -p "$cluster_dir/spool/$node" "$cluster_dir/tmp/$node"
  if ((cluster_spans)); then
    # What all nodes share may itself lie in /dev/shm: the folder there that holds it stays in sight.
    # shellcheck disable=SC2016
    cluster_daemon "$node" env CLUSTER_NODE="$node" unshare --uts --mount sh -e -c '
      node=$1 dir=$2
      hostname "$node"
      mount --bind "$dir/hosts" /etc/hosts
      mkdir -p "$dir/shm"
      mount -t tmpfs tmpfs "$dir/shm"
      case $dir in
        /dev/shm/*)
          shared=${dir#/dev/shm/} shared=${shared%%/*}
          mkdir "$dir/shm/$shared"
          mount --bind "/dev/shm/$shared" "$dir/shm/$shared" ;;
      esac
      mount --rbind "$dir/shm" /dev/shm
      exec slurmd -D -N "$node"' sh "$node" "$cluster_dir"
  else
    cluster_daemon "$node" env CLUSTER_NODE="$node" slurmd -D -N "$node"
  fi
}

node_stop() { cluster_end "n$1" KILL; }

nodes_up() { (($(sinfo -h -N -o '%N %T' | sort -u | grep -cE ' (idle|mixed|allocated|completing)$') == cluster_nodes)); }

queue_empty() { [[ -z $(squeue -h 2>&1) ]]; }

cluster_start() {
  local node cpus=$3
  cluster_dir=$(realpath -m -- "$1") cluster_nodes=$2
  shift 3
  mkdir -p "$cluster_dir"/{log,munge,state}
  chmod 755 "$cluster_dir" "$cluster_dir/munge"
  (umask 077 && head -c 1024 /dev/urandom >"$cluster_dir/munge/key")
  if unshare --uts --mount true 2>/dev/null; then cluster_spans=1; fi
  cluster_configure "$cpus" "$@"
  export SLURM_CONF=$cluster_dir/slurm.conf
  # All nodes are one host: talk on loopback, and do not spin on the cores of others.
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
  export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo OMPI_MCA_rmaps_base_oversubscribe=1
  cluster_daemon munged munged --foreground --force --key-file="$cluster_dir/munge/key" --socket="$cluster_dir/munge/socket" \
    --pid-file="$cluster_dir/munge/pid" --log-file="$cluster_dir/log/munged.log" --seed-file="$cluster_dir/munge/seed" --num-threads=2
  cluster_until 20 "an answer of munge" munge -n -S "$cluster_dir/munge/socket"
  controller_start
  for ((node = 1; node <= cluster_nodes; node++)); do node_start "$node"; done
  cluster_until 60 "all nodes being up" nodes_up
}

# cluster_left [NODE]: pids of what was started on our nodes (or that one) and is still there: its environment names our slurm.conf and a node.
cluster_left() {
  local environment pid
  for environment in /proc/[0-9]*/environ; do
    if tr '\0' '\n' <"$environment" 2>/dev/null | awk -v conf="SLURM_CONF=$cluster_dir/slurm.conf" -v wanted="${1:-}" '
      $0 == conf { ours = 1 }
      /^(CLUSTER_NODE|SLURMD_NODENAME)=/ { node += wanted == "" || wanted == substr($0, index($0, "=") + 1) }
      END { exit !(ours && node) }'; then
      pid=${environment#/proc/}
      echo "${pid%/environ}"
    fi
  done 2>/dev/null
}

cluster_stop() {
  local name pid
  [[ -n $cluster_dir ]] || return 0
  if [[ -n ${cluster_pid[slurmctld]:-} ]]; then
    scancel -u "$(id -un)" --state=PENDING 2>/dev/null || true
    scancel -u "$(id -un)" 2>/dev/null || true
    cluster_until 10 "the end of all jobs" queue_empty 2>/dev/null || true
  fi
  for name in "${!cluster_pid[@]}"; do
    if [[ $name == n[0-9]* ]]; then kill -TERM "${cluster_pid[$name]}" 2>/dev/null || true; fi
  done
  for name in "${!cluster_pid[@]}"; do
    if [[ $name == n[0-9]* ]]; then cluster_end "$name" TERM; fi
  done
  cluster_end slurmctld TERM
  cluster_end munged TERM
  for pid in $(cluster_left); do kill -KILL "$pid" 2>/dev/null || true; done
  cluster_dir=''
}
