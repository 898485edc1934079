"""An example of a cluster under Slurm: copy it, and name your partitions. One visit has a node to itself (--exclusive).

Without accounting (sacct) the scheduler is "squeue". `./run fleet --site mysite.py -- --distribute=idle` visits each node.
"""

site_configuration = {
    "systems": [
        {
            "name": "cluster",
            "descr": "machines of one kind in each partition",
            "hostnames": [".*"],
            "partitions": [
                {
                    "name": "cpu",
                    "scheduler": "squeue",
                    "launcher": "local",
                    "access": ["--exclusive"],
                    "environs": ["builtin"],
                    "max_jobs": 100,
                }
            ],
        }
    ],
}
