"""Resources of every kind through tctl, on a live cluster."""

import glob
import json
import os
import re
import sys
import time

from cluster import BUILD, run, story, wait_for
from live import shell

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fixtures/resources")
KINDS = ["role", "user", "token", "lock", "cluster_auth_preference", "cluster_networking_config",
         "session_recording_config", "cluster_name", "github", "oidc", "access_request",
         "trusted_cluster", "remote_cluster", "reverse_tunnel", "tunnel_connection",
         "cert_authority", "node", "proxy", "auth_server", "kube_server", "session"]
NOBODY_MAKES = {"tunnel_connection", "auth_server", "kube_server",  # here and now
                "trusted_cluster"}  # it needs another cluster: trusted.py
DAEMONS_MAKE = {"cluster_name", "cert_authority", "node", "proxy", "session", *NOBODY_MAKES}
SETTINGS = {"cluster_auth_preference", "cluster_networking_config", "session_recording_config"}
EVENTS = {"role": "role.created", "user": "user.create", "token": "join_token.create",
          "lock": "lock.created", "cluster_auth_preference": "auth_preference.update",
          "cluster_networking_config": "cluster_networking_config.update",
          "session_recording_config": "session_recording_config.update",
          "github": "github.created", "oidc": "oidc.created",
          "access_request": "access_request.create",
          "remote_cluster": "resource.create", "reverse_tunnel": "resource.create"}


def tctl(c, *argv, **kw):
    return run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), *argv, **kw)


def refused(c, *argv, **kw):
    """What a command that fails says; it prints nothing else and ends with 1."""
    out = tctl(c, *argv, check=False, **kw)
    assert out.returncode == 1 and not out.stdout, out
    assert out.stderr.count("\n") == 1, out.stderr
    return out.stderr.strip()


def create(c, text, *options, **kw):
    return tctl(c, "create", *options, c.write("given.yaml", text), **kw)


def get(c, ref, *options):
    return tctl(c, "get", ref, *options).stdout


def documents(c, kind):
    return json.loads(get(c, kind, "--format=json"))


def role(name, logins="[root]", more=""):
    return f"kind: role\nmetadata: {{name: {name}}}\nspec: {{allow: {{logins: {logins}}}}}\n{more}"


# --- every kind ----------------------------------------------------------------------------------


def what_people_bring_is_made_with_an_event_each(c):
    c.log_in("alice")
    with shell(c) as t:  # a session to look at
        t.type("exit 0\n")
        t.wait()
    for name in ("roles", "other_products", "people", "hosts", "settings", "leaves", "connectors"):
        path = f"{FIXTURES}/accepted/{name}.yaml"
        assert "in order" in run(BUILD + "/tctl", "validate", "-f", path).stdout
        tctl(c, "create", "-f", path)
    run(BUILD + "/tctl", "validate", "-f", f"{FIXTURES}/accepted/trust.yaml")
    for kind, event in EVENTS.items():
        def made(k=kind, name=event):
            return [e for e in c.audit(name) if e.get("target") == k]
        wait_for(f"the event of {kind}", made)
        assert all(e["user"] and e["addr.remote"] and e["name"] for e in made()), kind
    for kind in KINDS:
        assert bool(documents(c, kind)) == (kind not in NOBODY_MAKES), kind


def what_sets_every_field_is_made(c):
    """All that can be said of every kind that people make."""
    for kind in (k for k in KINDS if k not in DAEMONS_MAKE):
        with open(f"{FIXTURES}/full/{kind}.yaml") as f:
            text = f.read().replace('  revision: "7"\n', "")  # it is of no record here
        out = create(c, text, "-f", "--accept-unenforced").stdout
        assert "has been created" in out or "has been updated" in out, (kind, out)


def what_is_shown_can_be_given_back_and_changes_nothing(c):
    for kind in KINDS:
        before = get(c, kind)
        if before:
            out = create(c, before, "-f", "--accept-unenforced").stdout.splitlines()
            assert out and all(line.endswith("is unchanged") for line in out), (kind, out)
        assert get(c, kind) == before, kind
        as_json = get(c, kind, "--format=json")
        if before:
            create(c, as_json, "-f", "--accept-unenforced")
        assert get(c, kind, "--format=json") == as_json, kind


def what_was_removed_comes_back_as_it_was(c):
    def bare(kind):
        return re.sub(r" *revision: .*\n", "", get(c, kind))
    for kind in sorted(set(KINDS) - DAEMONS_MAKE - SETTINGS - {"token", "role", "user"}):
        before = bare(kind)
        for d in documents(c, kind):
            tctl(c, "rm", f"{kind}/{d['metadata']['name']}")
        assert not documents(c, kind), kind
        out = create(c, before, "--accept-unenforced").stdout
        assert "has been created" in out, out
        after = bare(kind)
        if kind == "lock":  # who made it and when is the cluster's to say
            before, after = (re.sub(r" *created_at: .*\n", "", t) for t in (before, after))
        assert after == before, (kind, before, after)


def settings_go_back_to_their_defaults(c):
    for kind in SETTINGS:
        out = tctl(c, "rm", kind).stdout
        assert "has been reset to its defaults" in out, out
        assert "already exists (-f replaces it)" in refused(
            c, "create", c.write("given.yaml", f"kind: {kind}\n"))
    assert documents(c, "netconfig")[0]["spec"]["keep_alive_count_max"] == 3
    assert documents(c, "recording_config")[0]["spec"]["mode"] == "node"
    assert "never removed" in refused(c, "rm", "cluster_name")


def daemons_kinds_are_put_only_as_they_are(c):
    for kind in sorted(DAEMONS_MAKE - NOBODY_MAKES - {"cluster_name"}):
        d = documents(c, kind)[0]
        d["metadata"]["description"] = "mine"
        del d["metadata"]["revision"]
        said = refused(c, "create", "-f", c.write("given.json", json.dumps(d)))
        assert "is made by its daemon only" in said, said


# --- all or nothing ------------------------------------------------------------------------------


def one_mistake_and_nothing_has_happened(c):
    user = "---\nkind: user\nmetadata: {name: new-user}\nspec: {roles: [%s]}\n"
    said = refused(c, "create", c.write("given.yaml", role("new-role") + user % "no-such-role"))
    assert said == "tctl: user 'new-user': no such role 'no-such-role'", said
    said = refused(c, "create", c.write("given.yaml", role("new-role") + "---\n" + role("dev")))
    assert said == "tctl: role 'dev' already exists (-f replaces it)", said
    said = refused(c, "create", c.write("given.yaml", role("new-role") + "---\n" +
                                        "kind: role\nmetadata: {name: x}\nspec: {allow: {login: []}}\n"))
    assert said.endswith("given.yaml:7: spec.allow.login: unknown field, did you mean "
                         "spec.allow.logins?"), said
    assert refused(c, "get", "role/new-role") == "tctl: no such role 'new-role'"
    create(c, role("new-role") + user % "new-role")  # together with the role it needs
    assert documents(c, "user/new-user")[0]["spec"]["roles"] == ["new-role"]
    tctl(c, "rm", "user/new-user", "role/new-role")


def standard_input_and_many_documents(c):
    many = "---\n".join(role(f"many-{i}") for i in range(200))
    out = tctl(c, "create", "-", input=many).stdout
    assert out.count("has been created") == 200, out
    out = tctl(c, "create", "-f", "-", input=many).stdout
    assert out.count("is unchanged") == 200, out
    last = "---\nkind: user\nmetadata: {name: new-user}\nspec: {roles: [no-such-role]}\n"
    said = refused(c, "create", "-f", c.write("given.yaml", role("one-more") + "---\n" + many + last))
    assert said == "tctl: user 'new-user': no such role 'no-such-role'", said
    assert refused(c, "get", "role/one-more") == "tctl: no such role 'one-more'"
    for i in range(0, 200, 50):
        tctl(c, "rm", *(f"role/many-{n}" for n in range(i, i + 50)))


def what_is_not_enforced_needs_to_be_accepted(c):
    text = ("kind: role\nmetadata: {name: moderated}\n"
            "spec: {allow: {require_session_join: [{name: a, filter: 'true', count: 1}]}}\n")
    said = refused(c, "create", c.write("given.yaml", text))
    assert "given.yaml:3: role 'moderated': spec.allow.require_session_join: restricts access, " \
        "and is not enforced here (--accept-unenforced takes it all the same)" in said, said
    out = create(c, text, "--accept-unenforced")
    assert "has been created" in out.stdout and "(not enforced)" in out.stderr, out
    answer = c.request("PutResource", {"replace": True, "resource": {"role": {
        "metadata": {"name": "moderated"}, "spec": {"options": {"require_session_mfa": "yes"}}}}})
    assert "restricts access" in str(answer), answer
    tctl(c, "rm", "role/moderated")


# --- secrets, tokens, expiry ---------------------------------------------------------------------


def secrets_are_shown_to_who_asks_and_kept_when_they_are_not_said(c):
    tctl(c, "create", "-f", f"{FIXTURES}/accepted/connectors.yaml")
    for ref, secret in (("github/github", "not-a-real-one"), ("oidc/company", "not-a-real-one-either")):
        assert secret not in get(c, ref)
        assert secret in get(c, ref, "--with-secrets")
        kind = ref.split("/")[0]
        assert secret in get(c, kind, "--with-secrets") and secret not in get(c, kind)
        changed = re.sub(r"metadata:\n", "metadata:\n  description: changed\n", get(c, ref))
        assert "has been updated" in create(c, changed, "-f").stdout
        assert secret in get(c, ref, "--with-secrets")
        out = create(c, get(c, ref, "--with-secrets"), "-f").stdout
        assert "is unchanged" in out, out
    new = get(c, "github/github", "--with-secrets").replace("not-a-real-one", "another-one")
    assert "has been updated" in create(c, new, "-f").stdout
    assert "another-one" in get(c, "github", "--with-secrets")
    tctl(c, "rm", "github/github")
    create(c, re.sub(r" *(client_secret|revision): .*\n", "", new))
    assert "another-one" not in get(c, "github", "--with-secrets"), "it outlived its connector"


def a_token_is_renewed_by_its_id_or_value_and_never_becomes_one(c):
    value = "a-value-that-somebody-chose"
    text = f"kind: token\nmetadata: {{name: {value}}}\nspec: {{roles: [Node]}}\n"
    known = {d["metadata"]["name"] for d in documents(c, "token")}
    create(c, text)
    name, = {d["metadata"]["name"] for d in documents(c, "token")} - known
    assert "already exists" in refused(c, "create", c.write("given.yaml", text))
    for who in (value, name):
        assert "has been updated" in create(c, text.replace(value, who).replace(
            "[Node]", "[Node, Proxy]" if who == name else "[Proxy]"), "-f").stdout
    assert documents(c, f"token/{name}")[0]["spec"]["roles"] == ["Node", "Proxy"]
    assert {d["metadata"]["name"] for d in documents(c, "token")} - known == {name}
    tctl(c, "rm", f"token/{value}")


def what_expires_is_gone(c):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    for kind, spec in (("role", "{}"), ("rc", "{}"), ("lock", "{target: {login: nobody}}"),
                       ("oidc", "{issuer_url: https://a, client_id: a, client_secret: s, redirect_url: "
                        "https://b, claims_to_roles: [{claim: a, value: b, roles: [dev]}]}")):
        body = "" if kind == "rc" else f"spec: {spec}\n"
        create(c, f"kind: {kind}\nmetadata: {{name: brief, expires: '{soon}'}}\n{body}")
        assert any(d["metadata"]["name"] == "brief" for d in documents(c, kind))
    create(c, f"kind: user\nmetadata: {{name: brief}}\nspec: {{roles: [dev], expires: '{soon}'}}\n")
    for kind in ("role", "rc", "lock", "oidc", "user"):
        wait_for(f"the {kind} to go",
                 lambda k=kind: all(d["metadata"]["name"] != "brief" for d in documents(c, k)))


# --- editing -------------------------------------------------------------------------------------


def edit(c, ref, script, check=False, **env):
    editor = c.write("editor", f"#!/bin/sh\n{script}\n")
    os.chmod(editor, 0o755)
    return tctl(c, "edit", ref, check=check,
                env={**os.environ, "VISUAL": "", "EDITOR": editor, "TMPDIR": c.path(), **env})


def kept_text(c, said):
    path = re.search(r"your text is in '([^']+)'", said).group(1)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path) as f:
        return f.read()


def a_resource_is_edited_and_nothing_of_it_lost(c):
    create(c, role("edited"))
    out = edit(c, "role/edited", "true", check=True)
    assert out.stdout == 'role "edited" was not edited\n', out
    out = edit(c, "role/edited", "sed -i 's/logins: .root./logins: [root, admin]/' \"$1\"", check=True)
    assert out.stdout == 'role "edited" has been updated\n', out
    assert not glob.glob(c.path("tctl-*")), "a text was left behind"
    assert documents(c, "role/edited")[0]["spec"]["allow"]["logins"] == ["root", "admin"]

    out = edit(c, "role/edited", "sed -i 's/logins:/login:/' \"$1\"")
    assert out.returncode == 1 and "did you mean spec.allow.logins?" in out.stderr, out
    assert "login: [root, admin]" in kept_text(c, out.stderr)

    tctl_now = f"{BUILD}/tctl --socket={c.path('run', 'authd.sock')}"
    out = edit(c, "role/edited", f"{tctl_now} update role/edited --set-labels=by=another >/dev/null\n"
               "sed -i 's/admin/backup/' \"$1\"")
    assert out.returncode == 1 and "role 'edited' has changed meanwhile" in out.stderr, out
    assert "logins: [root, backup]" in kept_text(c, out.stderr)
    out = edit(c, "role/edited", "sed -i 's/name: edited/name: other/' \"$1\"")
    assert out.returncode == 1 and "kind and name stay as they are" in out.stderr, out
    out = edit(c, "role/edited", "echo x >>\"$1\"; exit 3")
    assert out.returncode == 1 and "the editor did not end well" in out.stderr, out
    spec = documents(c, "role/edited")[0]
    assert spec["metadata"]["labels"] == {"by": "another"}, spec
    assert spec["spec"]["allow"]["logins"] == ["root", "admin"], spec
    for path in glob.glob(c.path("tctl-*")):
        os.unlink(path)


def labels_and_life_are_updated(c):
    out = tctl(c, "update", "rc/leaf.example.com", "--set-labels=env=prod,region=us",
               "--set-ttl=1h").stdout
    assert 'remote_cluster "leaf.example.com" has been updated' in out, out
    meta = documents(c, "rc/leaf.example.com")[0]["metadata"]
    assert meta["labels"] == {"env": "prod", "region": "us"} and "expires" in meta, meta
    assert "not a label" in refused(c, "update", "rc/leaf.example.com", "--set-labels=env")
    assert "--set-labels" in refused(c, "update", "rc/leaf.example.com")
    assert "no such remote_cluster" in refused(c, "update", "rc/none", "--set-ttl=1h")


def words_for_kinds_and_mistakes_in_them(c):
    for word, kind in (("roles", "role"), ("cap", "cluster_auth_preference"),
                       ("netconfig", "cluster_networking_config"), ("cas", "cert_authority"),
                       ("rts", "reverse_tunnel"), ("requests", "access_request"), ("RC", "remote_cluster")):
        assert {d["kind"] for d in documents(c, word)} == {kind}, word
    assert {d["kind"] for d in documents(c, "connectors")} == {"github", "oidc"}
    assert {d["kind"] for d in documents(c, "roles,users,cap")} == {
        "role", "user", "cluster_auth_preference"}
    assert {d["kind"] for d in documents(c, "all")} == set(KINDS) - DAEMONS_MAKE
    assert refused(c, "get", "windows_desktops") == \
        "tctl: 'windows_desktops' is no kind of resource", refused(c, "get", "windows_desktops")
    assert "is a kind of Teleport's that is not here" in refused(c, "get", "app")
    assert "is in use by user" in refused(c, "rm", "role/dev")
    assert "Kind" in tctl(c, "get", "roles,users", "--format=text").stdout


def changes_and_removals_are_in_the_audit_log(c):
    before = len(c.audit())
    create(c, role("audited"))
    create(c, role("audited", "[other]"), "-f")
    create(c, role("audited", "[other]"), "-f")  # is so already
    tctl(c, "rm", "role/audited", "rc/leaf.example.com", "oidc/company", "netconfig")
    wait_for("six events", lambda: len(c.audit()) >= before + 6)
    names = [e["event"] for e in c.audit()[before:]]
    assert names == ["role.created", "role.updated", "role.deleted", "resource.delete",
                     "oidc.deleted", "cluster_networking_config.update"], names
    for e in c.audit()[before:]:
        assert e["user"] and e["name"] and e["addr.remote"] == "unix", e


def what_is_more_than_one_write_is_said_to_be_first(c):
    """The last: what it makes stays."""
    out = tctl(c, "create", "-", input="---\n".join(role(f"many-{i}") for i in range(340)))
    assert out.stdout.count("has been created") == 340, out
    assert "340 resources are more than one write holds" in out.stderr, out


if __name__ == "__main__":
    sys.exit(story([
        what_people_bring_is_made_with_an_event_each, what_sets_every_field_is_made,
        what_is_shown_can_be_given_back_and_changes_nothing, what_was_removed_comes_back_as_it_was,
        settings_go_back_to_their_defaults, daemons_kinds_are_put_only_as_they_are,
        one_mistake_and_nothing_has_happened, standard_input_and_many_documents,
        what_is_not_enforced_needs_to_be_accepted,
        secrets_are_shown_to_who_asks_and_kept_when_they_are_not_said,
        a_token_is_renewed_by_its_id_or_value_and_never_becomes_one, what_expires_is_gone,
        a_resource_is_edited_and_nothing_of_it_lost, labels_and_life_are_updated,
        words_for_kinds_and_mistakes_in_them, changes_and_removals_are_in_the_audit_log,
        what_is_more_than_one_write_is_said_to_be_first,
    ]))
