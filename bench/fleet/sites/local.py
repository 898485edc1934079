"""This machine alone, visit after visit: where ReFrame runs without a scheduler."""

site_configuration = {
    "systems": [
        {
            "name": "here",
            "descr": "the machine that ./run fleet runs on",
            "hostnames": [".*"],
            "partitions": [
                {
                    "name": "local",
                    "scheduler": "local",
                    "launcher": "local",
                    "environs": ["builtin"],
                    "max_jobs": 1,  # visits beside each other would be each other's neighbours
                }
            ],
        }
    ],
}
