"""Two proxies behind haproxy that always gives the first, as long as it is there."""

import re
import time

from cluster import story, wait_for
from proxies_net import ProxiesCluster

TRIES = 4
# Waits are drawn from 1/4 to all of 0.5, 1, 2 s, which lie between the four tries.
AT_LEAST = (0.5 + 1 + 2) / 4


class SameCluster(ProxiesCluster):
    balance = "first"


def tries_in_vain(c):
    return len(re.findall(r'"?proxy not wanted', c.tunneld.text()))


def who_gets_the_same_proxy_again_waits_longer_and_longer(c):
    c.has_tunnel(c.proxies[0])
    wait_for("the first try in vain", lambda: tries_in_vain(c) >= 1)
    start, first = time.monotonic(), tries_in_vain(c)
    wait_for("more tries", lambda: tries_in_vain(c) >= first + TRIES - 1, 60)
    assert time.monotonic() - start >= AT_LEAST * 0.9
    assert 'event="tunnel opened"' not in c.proxies[1].text()
    assert c.proxies[0].text().count('event="tunnel opened"') == 1


def the_other_one_is_taken_when_it_is_given(c):
    c.proxies[0].kill()
    c.has_tunnel(c.proxies[1])
    c.wait_reached_through(1)
    c.proxies[0].start()
    c.has_tunnel(c.proxies[0])
    c.wait_reached_through(0)
    c.wait_reached_through(1)


if __name__ == "__main__":
    story([who_gets_the_same_proxy_again_waits_longer_and_longer,
           the_other_one_is_taken_when_it_is_given], make=SameCluster)
