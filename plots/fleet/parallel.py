"""A function over many items, in processes beside each other."""

import multiprocessing
import os

FEWEST = 5  # items that processes of their own are worth


def over(function, items):
    """[function(item)] in the items' order; what it raises is raised here. Both have to be known to `pickle`."""
    items = list(items)
    processes = min(len(os.sched_getaffinity(0)), len(items))
    if len(items) < FEWEST or processes < 2:
        return [function(item) for item in items]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return list(pool.imap(function, items))
