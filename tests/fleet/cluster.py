"""A cluster on this machine for the tests: munged, slurmctld and some slurmd, on loopback only, all in one folder.

Each node's daemon lives in a process namespace of its own, so that killing it ends all that runs there at once, as when a
node loses its power. Needs root, and Debian's packages munge, slurmctld, slurmd and slurm-client."""

import os
import shutil
import signal
import socket
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scancel", "unshare")
WHERE = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
GUARD_S = 300  # for what ends by itself

CONFIGURATION = """
ClusterName=eiefleet
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdTimeout=10
ReturnToService=1
MpiDefault=none
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=2
MinJobAge=3600
SlurmdParameters=config_overrides
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """What keeps the cluster from being started, or ""."""
    absent = [name for name in PROGRAMS if not shutil.which(name, path=WHERE)]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian: munge slurmctld slurmd slurm-client)"
    if os.geteuid():
        return "not root"
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], stderr=subprocess.PIPE)
    return "" if done.returncode == 0 else f"no process namespaces: {done.stderr.decode().strip()}"


def wait_for(what, guard_s=GUARD_S):
    end = time.monotonic() + guard_s
    while not what():
        assert time.monotonic() < end, f"not within {guard_s} s: {what}"
        time.sleep(0.1)


class Cluster:
    """Started by `with`; ended, with all that it runs, at its end."""

    def __init__(self, folder, nodes=2):
        self.folder, self.names = folder, [f"n{number}" for number in range(nodes)]
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": WHERE}
        self._running = {}

    def __enter__(self):
        os.makedirs(self.folder / "state")
        os.chmod(self.folder, 0o755)  # munged asks for it
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        control, *ports = _free_ports(1 + len(self.names))
        lines = [
            f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=1 State=UNKNOWN"
            for name, port in zip(self.names, ports)
        ]
        text = CONFIGURATION.format(folder=self.folder, port=control).replace(
            "PartitionName", "\n".join(lines) + "\nPartitionName"
        )
        (self.folder / "slurm.conf").write_text(text)
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_all(self):
        files = {"key-file": "munge.key", "socket": "munge.sock", "pid-file": "munge.pid", "log-file": "munge.log"}
        files["seed-file"] = "munge.seed"
        self._start(
            "munged",
            "munged",
            "--foreground",
            "--force",
            *(f"--{word}={self.folder / name}" for word, name in files.items()),
        )
        wait_for((self.folder / "munge.sock").exists)
        self._start("slurmctld", "slurmctld", "-D", "-c")
        wait_for(lambda: self.ask("scontrol", "ping").find("is UP") >= 0)
        for name in self.names:
            self.start_node(name)
        wait_for(lambda: all(state == "idle" for state in self.states().values()))

    def _start(self, name, *words):
        with open(self.folder / f"{name}.out", "ab") as out:
            self._running[name] = subprocess.Popen(
                words, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def start_node(self, name):
        self._start(name, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "slurmd", "-D", "-N", name)

    def kill_node(self, name):
        """It and everything on it, without a word to anybody."""
        running = self._running.pop(name)
        running.send_signal(signal.SIGKILL)
        running.wait()

    def ask(self, *words):
        return subprocess.run(
            words, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=GUARD_S
        ).stdout

    def states(self):
        """{node: idle, allocated, down*, ...}"""
        lines = self.ask("sinfo", "--Node", "--noheader", "--format=%N %t").splitlines()
        found = dict(line.split() for line in lines if len(line.split()) == 2)
        return {name: found.get(name, "unknown") for name in self.names}

    def logs(self):
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in sorted(self.folder.glob("*.log"))
        )

    def __exit__(self, *_):
        for name in [*self.names, "slurmctld", "munged"]:
            if name in self._running:
                running = self._running.pop(name)
                # a node's own daemon is the first process of its namespace: it goes with its parent
                running.send_signal(signal.SIGKILL if name in self.names else signal.SIGTERM)
                try:
                    running.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    running.kill()
                    running.wait()


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
