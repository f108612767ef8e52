"""kube-lab's 18 checks of what kubectl does, by each way to the Kubernetes and by each kubectl."""

import lab


def check(c, kubectl, kubeconfig, way):
    lines = c.lab.check(kubectl, kubeconfig, c.kube_env("dora", kubeconfig))
    told = [line for line in lines if line.startswith("info ")]
    print(f"    kubectl {lab.version(kubectl)} {way}: {lab.CHECKS} of {lab.CHECKS}; "
          f"{told[0][5:] if told else ''}")


def checks_straight_to_kubeproxyd(c):
    check(c, lab.kubectls()[0], c.kubeconfig_straight("dora"), "straight to kubeproxyd")


def checks_with_a_signed_certificate(c):
    check(c, lab.kubectls()[0], c.kubeconfig_signed("dora"), "with tctl auth sign")


def checks_through_the_proxy_by_every_kubectl(c):
    for kubectl in lab.kubectls():
        check(c, kubectl, c.kubeconfig("dora"), "with tsh kube login")


TESTS = [checks_straight_to_kubeproxyd, checks_with_a_signed_certificate,
         checks_through_the_proxy_by_every_kubectl]
