"""Figures of the benchmarks: measured in turns with the peer, printed one to a line."""

import os
import statistics
import sys

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TREE, "tests", "integration"))


def show(name, ours, peer_name, peer, unit, digits=1):
    """ssh.login_proxy ours=41.2 peer=sshd:130.4 ratio=0.32 unit=ms"""
    print(f"{name} ours={ours:.{digits}f} peer={peer_name}:{peer:.{digits}f} "
          f"ratio={ours / peer:.2f} unit={unit}", flush=True)


def take_turns(measures, runs):
    """Calls the functions in turn, so that whatever else the machine does befalls all of them.

    The median of what each returned. The first turn warms up and does not count.
    """
    values = [[] for _ in measures]
    for turn in range(runs + 1):
        for i, measure in enumerate(measures):
            value = measure()
            if turn > 0:
                values[i].append(value)
    return [statistics.median(v) for v in values]


def wanted(name):
    """F='login*' picks figures, as it picks cases of a test."""
    import fnmatch
    return fnmatch.fnmatch(name, os.environ.get("F") or "*")
