"""The proxy's one public port: pages, API, TLS, streams, door; and the health of all daemons."""

import web_http as http
import web_streams as streams

from cluster import BUILD, run, story
from web_client import authority

PER_ADDRESS = 300


def prepare(c):
    c.per_address, c.tsh_path = PER_ADDRESS, BUILD + "/tsh"
    c.host_ca = authority(c)
    run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", c.path("key"))
    c.log_in("alice")


story([
    http.an_invite_is_opened_often_and_used_once,
    http.a_refused_password_leaves_the_invite,
    http.an_invite_that_is_none_gives_a_clear_page,
    http.a_newer_invite_ends_the_older,
    http.markup_that_others_send_is_shown_as_text,
    http.ping_is_the_only_call_by_get,
    http.getting_changes_nothing,
    http.curl_logs_in,
    http.only_json_from_our_own_pages_is_taken,
    http.what_can_be_read_in_two_ways_is_refused_and_ends_the_connection,
    http.what_is_sound_is_answered_one_after_the_other,
    http.what_speaks_no_protocol_of_ours_is_cut,
    http.slow_clients_are_cut_at_their_deadline,
    http.one_address_has_so_many_connections_and_no_more,
    streams.old_versions_of_tls_are_refused,
    streams.a_session_is_resumed_after_a_restart,
    streams.authd_knows_a_client_of_the_proxy_by_its_own_address,
    streams.who_comes_to_authd_directly_cannot_claim_another_address,
    streams.a_dial_that_cannot_be_read_is_refused_with_a_reason,
    streams.a_dial_needs_a_certificate,
    streams.a_foreign_certificate_ends_the_connection,
    streams.an_expired_certificate_ends_the_connection,
    streams.the_door_is_shut_without_its_daemon_and_open_with_it,
    streams.the_door_serves_so_many_strangers_of_one_address,
    streams.the_door_serves_so_many_strangers_at_once,
    streams.every_daemon_tells_its_health,
    streams.a_node_without_noded_root_is_not_ready,
    streams.an_ambiguous_name_lists_its_candidates,
    streams.a_proxy_is_ready_once_it_has_heard_authd,
    streams.a_web_certificate_is_shown_to_all_but_who_pinned_the_authority,
    streams.a_renewed_web_certificate_is_taken_at_sighup_under_open_streams,
], setup=prepare, proxyd=f"limits: {{connections_per_address: {PER_ADDRESS}}}\n")
