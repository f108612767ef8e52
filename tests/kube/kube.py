"""The story that kube.sh tells, on one Kubernetes and one cluster of ours."""

import lab  # makes tests/integration importable

import python_client
import refusals
import scenarios
import sessions
import watches
import ways
from cluster import story
from kube_cluster import KubeCluster


def put_up(c):
    scenarios.put_up_people(c)
    watches.begin_the_long_watch(c)


if __name__ == "__main__":
    print("kubectl " + ", ".join(lab.version(k) for k in lab.kubectls()))
    # The checks first: they count the terminals of a pod, where who is cut off leaves a shell.
    parts = (ways, scenarios, sessions, refusals, python_client, watches)
    story([test for part in parts for test in part.TESTS],
          setup=put_up, make=KubeCluster)
