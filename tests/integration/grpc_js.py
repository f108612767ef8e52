"""authd's calls from Node, as each of those who may call it and may not."""

import os

from callers import of_user, prepare
from cluster import TREE, run, story
from denials_tls import foreign

HERE = os.path.join(TREE, "tests", "integration", "grpc_js")
MODULES = os.path.join(TREE, "build", "npm", "node_modules")


def set_up(c):
    assert os.path.isdir(MODULES), "Node's gRPC is not there: tools/install-deps npm fetches it"
    prepare(c)
    c.user("edna", ["editor", "access"])
    c.log_in("edna")
    c.edna, c.stranger = of_user(c, "edna"), foreign(c, c.alice)


def client(c, who, test):
    """Runs one test of the client as somebody."""
    run("node", os.path.join(HERE, "client.js"), test, env={
        "PATH": os.environ["PATH"], "NODE_PATH": MODULES, "PROTO": os.path.join(TREE, "proto"),
        "AUTHD": f"127.0.0.1:{c.authd_port}", "CA": c.ca, "KEY": who.key, "CERT": who.certificate,
        "FOREIGN_KEY": c.stranger.key, "FOREIGN_CERT": c.stranger.certificate,
        "HOST_KEY": c.node.key, "HOST_CERT": c.node.certificate, "HOST_ID": c.node.id})


def as_who(who, name):
    def test(c):
        client(c, getattr(c, who), name)
    test.__name__ = name
    return test


if __name__ == "__main__":
    story([as_who(who, name) for who, name in (
        ("edna", "anybody_may_ask_who_is_there"),
        ("edna", "roles_are_read_page_by_page"),
        ("edna", "what_is_put_comes_back_whole"),
        ("edna", "a_watch_tells_what_is_there_and_then_what_happens"),
        ("edna", "a_deadline_ends_a_watch"),
        ("edna", "a_host_keeps_its_record_alive_on_a_stream_of_both_ways"),
        ("edna", "whoever_shows_no_certificate_is_nobody"),
        ("edna", "a_certificate_of_another_authority_ends_the_connection"),
        ("alice", "who_may_read_and_no_more_is_refused_the_rest"),
    )], set_up, door=False)
