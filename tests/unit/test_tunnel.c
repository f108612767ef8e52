#include "tunnel/tunnel.h"

#include "tests/unit/tunnels.h"

#define BULK (16u * 1024 * 1024)

static const struct tunnel_conf plain = { 0 };

static void bytes_and_half_closes_pass_both_ways(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 };
	struct ear far = { 0 };

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &d, &far);
	assert_string_equal(agent.service, "node");
	stream_write(d.ear.stream, "question", 8);
	stream_end(d.ear.stream);
	turn_until(*state, far.ends == 1);
	assert_string_equal(buf_str(&far.got), "question");
	assert_int_equal(d.ear.ends, 0);
	stream_write(far.stream, "answer", 6);
	stream_end(far.stream);
	turn_until(*state, d.ear.closes == 1 && far.closes == 1);
	assert_string_equal(buf_str(&d.ear.got), "answer");
	assert_int_equal(d.ear.err.code, 0);
	assert_int_equal(far.err.code, 0);
	turn_until(*state,
	           tunnel_channels(proxy.tunnel) == 0 && tunnel_channels(agent.tunnel) == 0);
	ends_close(*state, &proxy, &agent);
	buf_deinit(&d.ear.got);
	buf_deinit(&far.got);
}

static void the_agent_may_end_first(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { .ear.ends_too = true };
	struct ear far = { 0 };

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &d, &far);
	stream_write(far.stream, "bye", 3);
	stream_close(far.stream);
	turn_until(*state, d.ear.closes == 1 && far.closes == 1);
	assert_string_equal(buf_str(&d.ear.got), "bye");
	assert_int_equal(d.ear.err.code, 0);
	assert_int_equal(far.err.code, 0);
	ends_close(*state, &proxy, &agent);
	buf_deinit(&d.ear.got);
}

/* A peer that closed while we still had to say something: its bytes count, and nothing is torn. */
static void what_was_sent_before_a_close_is_read_whole(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 };
	struct ear far = { 0 };
	static char block[300000];

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &d, &far);
	stream_pause(d.ear.stream);
	stream_write(far.stream, block, sizeof(block));
	stream_close(far.stream);
	turn_until(*state, far.closes == 1); /* it waited STREAM_LINGER_MS for our end */
	for (int i = 0; i < 100; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	stream_resume(d.ear.stream);
	turn_until(*state, d.ear.closes == 1);
	assert_int_equal(d.ear.got.len, sizeof(block));
	assert_int_equal(d.ear.err.code, 0);
	ends_close(*state, &proxy, &agent);
	buf_deinit(&d.ear.got);
}

static void a_reset_is_seen_as_a_reset(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d[2] = { 0 };
	struct ear far[2] = { 0 };

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &d[0], &far[0]);
	join_ends(*state, &proxy, &agent, &d[1], &far[1]);
	stream_reset(d[0].ear.stream, NULL);
	stream_reset(far[1].stream, NULL);
	turn_until(*state, far[0].closes == 1 && d[1].ear.closes == 1);
	assert_int_equal(far[0].err.code, ERR_IO);
	assert_int_equal(d[1].ear.err.code, ERR_IO);
	turn_until(*state,
	           tunnel_channels(proxy.tunnel) == 0 && tunnel_channels(agent.tunnel) == 0);
	ends_close(*state, &proxy, &agent);
}

/* Keeps a stream's queue full until so much has been written. */
static void feed(struct stream *s, size_t *left)
{
	static uint8_t block[65536];

	while (*left > 0 && !stream_full(s)) {
		size_t len = *left < sizeof(block) ? *left : sizeof(block);

		for (size_t i = 0; i < len; i++)
			block[i] = (uint8_t)((*left - i) * 31 >> 3);
		stream_write(s, block, len);
		*left -= len;
	}
}

static void check_bulk(const struct buf *got)
{
	assert_int_equal(got->len, BULK);
	for (size_t i = 0; i < BULK; i++)
		if (got->data[i] != (uint8_t)((BULK - i) * 31 >> 3))
			fail_msg("byte %zu is another", i);
}

static void much_passes_both_ways_at_once_whole_and_in_order(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 };
	struct ear far = { 0 };
	size_t out = BULK, back = BULK;

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &d, &far);
	while (out > 0 || back > 0) {
		feed(d.ear.stream, &out);
		feed(far.stream, &back);
		uv_run(*state, UV_RUN_NOWAIT);
	}
	stream_end(d.ear.stream);
	stream_end(far.stream);
	turn_until(*state, d.ear.closes == 1 && far.closes == 1);
	check_bulk(&d.ear.got);
	check_bulk(&far.got);
	assert_true(d.ear.drains > 0 && far.drains > 0);
	ends_close(*state, &proxy, &agent);
	buf_deinit(&d.ear.got);
	buf_deinit(&far.got);
}

static void stalled_channels_hold_nobody_else(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed stalled[10] = { 0 }, fast = { 0 };
	struct ear stalled_far[10] = { 0 }, fast_far = { 0 };
	size_t sent = 0, left = BULK;

	ends_open(*state, &proxy, &agent, plain);
	for (int i = 0; i < 10; i++) {
		join_ends(*state, &proxy, &agent, &stalled[i], &stalled_far[i]);
		stream_pause(stalled_far[i].stream);
	}
	join_ends(*state, &proxy, &agent, &fast, &fast_far);
	for (int turn = 0; turn < 2000; turn++) {
		for (int i = 0; i < 10; i++) {
			size_t more = 65536;

			if (!stream_full(stalled[i].ear.stream)) {
				feed(stalled[i].ear.stream, &more);
				sent += 65536;
			}
		}
		uv_run(*state, UV_RUN_NOWAIT);
	}
	assert_in_range(sent, 10, 10 * (STREAM_HIGH_WATER + TUNNEL_WINDOW + 262144));
	while (left > 0) {
		feed(fast.ear.stream, &left);
		uv_run(*state, UV_RUN_NOWAIT);
	}
	turn_until(*state, fast_far.got.len == BULK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(stalled_far[i].got.len, 0);
	tunnel_close(proxy.tunnel, NULL);
	turn_until(*state, fast.ear.closes == 1 && fast_far.closes == 1);
	for (int i = 0; i < 10; i++)
		turn_until(*state, stalled[i].ear.closes == 1 && stalled_far[i].closes == 1);
	ends_close(*state, &proxy, &agent);
	buf_deinit(&fast_far.got);
}

static void first_bytes_go_out_with_the_request(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 };
	struct ear far = { 0 };
	struct buf first = { 0 };
	struct err err;

	ends_open(*state, &proxy, &agent, plain);
	buf_append_str(&first, "POSTERN1");
	assert_int_equal(
	        tunnel_dial(proxy.tunnel, "node", &first, 20000, on_tunnel_dialed, &d, NULL, &err),
	        0);
	turn_until(*state, agent.asked_count == 1);
	accept_asked(&agent, 0, &far);
	turn_until(*state, d.calls == 1);
	stream_write(d.ear.stream, " and more", 9);
	turn_until(*state, far.got.len == 17);
	assert_string_equal(buf_str(&far.got), "POSTERN1 and more");
	stream_close(d.ear.stream);
	stream_close(far.stream);
	turn_until(*state, d.ear.closes == 1 && far.closes == 1);
	ends_close(*state, &proxy, &agent);
	buf_deinit(&far.got);
}

static void refuse_politely(struct end *e, struct channel *c)
{
	struct err why;

	err_set(&why, ERR_DENIED, "service '%s' is not allowed: 100%% sure\nñ", e->service);
	channel_refuse(c, &why);
}

static void a_refusal_says_why(void **state)
{
	struct end proxy = { 0 }, agent = { .serve = refuse_politely };
	struct dialed d = { 0 };

	ends_open(*state, &proxy, &agent, plain);
	dial_service(&proxy, "10.0.0.1:22", &d);
	turn_until(*state, d.calls == 1);
	assert_int_equal(d.err.code, ERR_DENIED);
	assert_non_null(strstr(d.err.msg, "service '10.0.0.1:22' is not allowed: 100% sure"));
	assert_null(strchr(d.err.msg, '\n'));
	turn_until(*state,
	           tunnel_channels(proxy.tunnel) == 0 && tunnel_channels(agent.tunnel) == 0);
	assert_int_equal(agent.withdrawn, 0);
	ends_close(*state, &proxy, &agent);
}

static void who_gives_up_before_the_answer_withdraws(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed canceled = { 0 }, late = { 0 };
	struct err err;

	ends_open(*state, &proxy, &agent, plain);
	dial_service(&proxy, "node", &canceled);
	turn_until(*state, agent.asked_count == 1);
	tunnel_dial_cancel(canceled.channel);
	assert_int_equal(canceled.calls, 0);
	turn_until(*state, canceled.calls == 1 && agent.withdrawn == 1);
	assert_int_equal(canceled.err.code, ERR_CANCELED);
	assert_int_equal(
	        tunnel_dial(proxy.tunnel, "node", NULL, 30, on_tunnel_dialed, &late, NULL, &err),
	        0);
	turn_until(*state, late.calls == 1 && agent.withdrawn == 2);
	assert_int_equal(late.err.code, ERR_TIMEOUT);
	ends_close(*state, &proxy, &agent);
}

static void a_dial_canceled_at_once_never_reaches_the_agent(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 };

	ends_open(*state, &proxy, &agent, plain);
	dial_service(&proxy, "node", &d);
	tunnel_dial_cancel(d.channel);
	turn_until(*state, d.calls == 1);
	assert_int_equal(d.err.code, ERR_CANCELED);
	turn_until(*state, tunnel_channels(proxy.tunnel) == 0);
	ends_close(*state, &proxy, &agent);
}

static void no_more_channels_are_dialed_than_both_sides_allow(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct tunnel_conf few = { .channels_max = 3 };
	struct dialed d[4] = { 0 };
	struct ear far[4] = { 0 };
	struct err err;

	ends_open(*state, &proxy, &agent, few);
	for (int i = 0; i < 3; i++)
		join_ends(*state, &proxy, &agent, &d[i], &far[i]);
	assert_int_equal(
	        tunnel_dial(proxy.tunnel, "node", NULL, 20000, on_tunnel_dialed, &d[3], NULL, &err),
	        ERR_LIMIT);
	assert_string_equal(err.msg, "the tunnel holds 3 connections, no more may be");
	stream_reset(far[0].stream, NULL);
	turn_until(*state, d[0].ear.closes == 1 && tunnel_channels(proxy.tunnel) == 2);
	join_ends(*state, &proxy, &agent, &d[3], &far[3]);
	tunnel_close(agent.tunnel, NULL);
	turn_until(*state, d[1].ear.closes + d[2].ear.closes + d[3].ear.closes == 3);
	turn_until(*state, far[1].closes + far[2].closes + far[3].closes == 3);
	ends_close(*state, &proxy, &agent);
}

static void channels_break_with_their_tunnel(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed open = { 0 }, asked = { 0 };
	struct ear far = { 0 };
	struct err why;

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &open, &far);
	dial_service(&proxy, "node", &asked);
	turn_until(*state, agent.asked_count == 2);
	err_set(&why, ERR_DENIED, "the agent is locked");
	tunnel_close(proxy.tunnel, &why);
	turn_until(*state, asked.calls == 1 && open.ear.closes == 1 && far.closes == 1);
	assert_string_equal(open.ear.err.msg, "the agent is locked");
	assert_string_equal(asked.err.msg, "the agent is locked");
	assert_int_not_equal(far.err.code, 0);
	assert_int_equal(agent.withdrawn, 1);
	ends_close(*state, &proxy, &agent);
	assert_int_equal(proxy.err.code, ERR_DENIED);
}

static void a_stream_without_an_owner_learns_of_the_break_later(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 };
	struct stream *s = NULL;
	struct ear far = { 0 };
	struct err err;

	ends_open(*state, &proxy, &agent, plain);
	dial_service(&proxy, "node", &d);
	turn_until(*state, agent.asked_count == 1);
	assert_int_equal(channel_accept(agent.asked[0], &s, &err), 0);
	turn_until(*state, d.calls == 1);
	tunnel_close(proxy.tunnel, NULL);
	turn_until(*state, proxy.closed == 1 && agent.closed == 1);
	ear_attach(&far, s);
	turn_until(*state, far.closes == 1 && d.ear.closes == 1);
	assert_int_not_equal(far.err.code, 0);
}

static void a_proxy_that_drains_tells_and_ends_behind_its_last_channel(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 }, refused = { 0 };
	struct ear far = { .ends_too = true };
	struct err err;

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &d, &far);
	tunnel_drain(proxy.tunnel);
	turn_until(*state, agent.told == 1 && agent.draining == 1);
	assert_true(agent.last.draining);
	assert_false(tunnel_usable(agent.tunnel));
	assert_int_equal(tunnel_dial(proxy.tunnel, "node", NULL, 20000, on_tunnel_dialed, &refused,
	                             NULL, &err),
	                 ERR_UNAVAILABLE);
	stream_write(d.ear.stream, "still here", 10);
	turn_until(*state, far.got.len == 10);
	assert_int_equal(proxy.closed, 0);
	stream_end(d.ear.stream);
	turn_until(*state, proxy.closed == 1 && agent.closed == 1);
	turn_until(*state, d.ear.closes + far.closes == 2);
	assert_int_equal(proxy.err.code, 0);
	assert_int_equal(agent.err.code, 0);
	buf_deinit(&far.got);
}

static void an_agent_that_drains_gets_no_new_channels(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct dialed d = { 0 };
	struct ear far = { .ends_too = true };

	ends_open(*state, &proxy, &agent, plain);
	join_ends(*state, &proxy, &agent, &d, &far);
	tunnel_drain(agent.tunnel);
	turn_until(*state, proxy.draining == 1);
	assert_false(tunnel_usable(proxy.tunnel));
	stream_end(d.ear.stream);
	turn_until(*state,
	           proxy.closed == 1 && agent.closed == 1 && d.ear.closes == 1 && far.closes == 1);
	assert_int_equal(proxy.err.code, 0);
}

static void the_newest_news_replace_what_was_not_sent(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	pv_TunnelProxy one = { .ttl = 60000 };
	pv_TunnelNews news = { .proxies = &one, .proxies_count = 1, .connections = 2 };
	char id[40];
	struct err err;

	ends_open(*state, &proxy, &agent, plain);
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "c0ffee00-0000-4000-8000-%012d", i);
		one.id = id;
		assert_int_equal(tunnel_tell(proxy.tunnel, &news, &err), 0);
	}
	turn_until(*state, strcmp(agent.last_id, id) == 0);
	assert_in_range(agent.told, 1, 3);
	assert_int_equal(agent.last.connections, 2);
	ends_close(*state, &proxy, &agent);
}

static void an_agent_that_only_shook_hands_is_not_dialed(void **state)
{
	struct end proxy = { 0 };
	struct tunnel_conf conf = { .side = TUNNEL_PROXY };
	struct dialed d = { 0 };
	struct stream *a, *unwilling;
	struct err err;

	stream_pair(*state, &a, &unwilling);
	end_open(&proxy, a, conf);
	for (int turn = 0; turn < 10; turn++)
		uv_run(*state, UV_RUN_NOWAIT);
	assert_false(tunnel_usable(proxy.tunnel));
	assert_int_equal(
	        tunnel_dial(proxy.tunnel, "node", NULL, 20000, on_tunnel_dialed, &d, NULL, &err),
	        ERR_UNAVAILABLE);
	stream_refuse(unwilling, NULL);
	turn_until(*state, proxy.closed == 1);
	assert_int_equal(proxy.ready, 0);
}

static void both_sides_measure_the_way_there_and_back(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };

	ends_open(*state, &proxy, &agent, plain);
	turn_until(*state,
	           tunnel_latency_us(proxy.tunnel) >= 0 && tunnel_latency_us(agent.tunnel) >= 0);
	ends_close(*state, &proxy, &agent);
}

static void a_quiet_tunnel_lives_by_its_heartbeats(void **state)
{
	struct end proxy = { 0 }, agent = { 0 };
	struct tunnel_conf fast = { .beat_ms = 5, .beats_max = 3 };
	uint64_t until;

	ends_open(*state, &proxy, &agent, fast);
	until = uv_hrtime() + 100 * (uint64_t)1000000;
	turn_until(*state, uv_hrtime() > until || proxy.closed + agent.closed > 0);
	assert_int_equal(proxy.closed + agent.closed, 0);
	ends_close(*state, &proxy, &agent);
}

static void a_silent_peer_is_given_up(void **state)
{
	struct tunnel_conf fast = { .beat_ms = 5, .beats_max = 3 };

	for (int side = TUNNEL_PROXY; side <= TUNNEL_AGENT; side++) {
		struct end end = { 0 };
		struct stream *a, *silent;

		stream_pair(*state, &a, &silent);
		fast.side = (enum tunnel_side)side;
		end_open(&end, a, fast);
		turn_until(*state, end.closed == 1);
		assert_int_equal(end.err.code, ERR_TIMEOUT);
		assert_string_equal(end.err.msg, "nothing has come for 3 heartbeats");
		stream_refuse(silent, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(bytes_and_half_closes_pass_both_ways),
		loop_test(the_agent_may_end_first),
		loop_test(what_was_sent_before_a_close_is_read_whole),
		loop_test(a_reset_is_seen_as_a_reset),
		loop_test(much_passes_both_ways_at_once_whole_and_in_order),
		loop_test(stalled_channels_hold_nobody_else),
		loop_test(first_bytes_go_out_with_the_request),
		loop_test(a_refusal_says_why),
		loop_test(who_gives_up_before_the_answer_withdraws),
		loop_test(a_dial_canceled_at_once_never_reaches_the_agent),
		loop_test(no_more_channels_are_dialed_than_both_sides_allow),
		loop_test(channels_break_with_their_tunnel),
		loop_test(a_stream_without_an_owner_learns_of_the_break_later),
		loop_test(a_proxy_that_drains_tells_and_ends_behind_its_last_channel),
		loop_test(an_agent_that_drains_gets_no_new_channels),
		loop_test(the_newest_news_replace_what_was_not_sent),
		loop_test(an_agent_that_only_shook_hands_is_not_dialed),
		loop_test(both_sides_measure_the_way_there_and_back),
		loop_test(a_quiet_tunnel_lives_by_its_heartbeats),
		loop_test(a_silent_peer_is_given_up),
	};

	return unit_run(tests);
}
