#include "cache/cache.h"

#include "tests/unit/cache_world.h"

static void a_snapshot_is_seen_whole_or_not_at_all(void **state)
{
	struct world *w = begin(*state);

	cache_begins(w);
	turn_until(w->loop, w->watch != NULL);
	assert_int_equal(w->after, 0);
	assert_string_equal(w->asked, "role lock ");
	send_init(w, true, 0);
	send_role(w, "dev", "one", 0);
	for (int i = 0; i < 20; i++)
		uv_run(w->loop, UV_RUN_NOWAIT);
	assert_false(cache_filled(w->cache) || cache_live(w->cache));
	assert_null(cache_get(w->cache, "/roles/dev"));
	send_synced(w, 10);
	was_told(w, "+dev:one ");
	assert_true(cache_filled(w->cache) && cache_live(w->cache));
	assert_int_equal(cache_revision(w->cache), 10);
	assert_string_equal(description(w, "/roles/dev"), "one");
	end(w);
}

static void changes_are_told_and_what_stays_the_same_is_not(void **state)
{
	struct world *w = begin_live(*state);

	send_role(w, "dev", "one", 11);
	send_role(w, "dev", "two", 12);
	send_delete(w, "role", "absent", 13);
	send_delete(w, "role", "ops", 14);
	was_told(w, "+dev:two -ops ");
	assert_null(cache_get(w->cache, "/roles/ops"));
	assert_int_equal(cache_revision(w->cache), 14);
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_HEARTBEAT, .revision = 20 });
	turn_until(w->loop, cache_revision(w->cache) == 20);
	end(w);
}

static void kinds_and_events_of_a_newer_authd_are_skipped(void **state)
{
	struct world *w = begin_live(*state);

	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_PUT,
	                                .has_resource = true,
	                                .revision = 11 });
	send_event(w, &(pv_WatchEvent){ .type = (pv_WatchEvent_Type)99, .revision = 12 });
	send_delete(w, "teapot", "dev", 13);
	send_role(w, "dev", "two", 14);
	was_told(w, "+dev:two ");
	assert_int_equal(cache_revision(w->cache), 14);
	assert_int_equal(w->lost, 0);
	end(w);
}

static void kinds_that_authd_leaves_out_are_told_and_no_error(void **state)
{
	pv_WatchLeftOut lock = { .kind = (char[]){ "lock" }, .reason = (char[]){ "not for you" } };
	struct world *w = begin(*state);

	cache_begins(w);
	turn_until(w->loop, w->watch != NULL);
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_INIT,
	                                .snapshot = true,
	                                .left_out = &lock,
	                                .left_out_count = 1 });
	send_synced(w, 10);
	turn_until(w->loop, w->live == 1);
	assert_string_equal(w->left_out, "lock: not for you");
	assert_int_equal(w->lost, 0);
	end(w);
}

static void a_lost_watch_resumes_behind_its_revision(void **state)
{
	struct world *w = begin_live(*state);

	break_off(w);
	turn_until(w->loop, w->lost == 1);
	assert_false(cache_live(w->cache));
	assert_string_equal(description(w, "/roles/dev"), "one");
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 10);
	send_init(w, false, 12);
	send_role(w, "dev", "two", 13);
	was_told(w, "+dev:two ");
	assert_true(cache_live(w->cache));
	end(w);
}

static void a_second_snapshot_tells_the_differences_alone(void **state)
{
	struct world *w = begin_live(*state);

	break_off(w);
	turn_until(w->loop, w->watches == 2);
	send_init(w, true, 0);
	send_role(w, "dev", "one", 0);
	send_role(w, "new", "one", 0);
	send_delete(w, "role", "new", 0);
	send_role(w, "other", "one", 0);
	assert_string_equal(w->told, "");
	send_synced(w, 30);
	was_told(w, "+other:one -ops ");
	end(w);
}

static void a_watch_that_makes_no_sense_begins_anew_with_a_snapshot(void **state)
{
	struct world *w = begin_live(*state);

	send_synced(w, 11); /* no snapshot was begun */
	turn_until(w->loop, w->lost == 1);
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 0);
	assert_string_equal(description(w, "/roles/dev"), "one");
	send_role(w, "dev", "two", 11); /* not INIT */
	turn_until(w->loop, w->lost == 2);
	turn_until(w->loop, w->watches == 3);
	send_init(w, true, 0);
	send_synced(w, 12);
	turn_until(w->loop, w->live == 2);
	assert_null(cache_get(w->cache, "/roles/dev"));
	end(w);
}

static void the_copy_on_disk_serves_while_authd_is_away(void **state)
{
	struct world *w = begin_live(*state);

	cache_ends(w);
	turn_until(w->loop, w->watch == NULL);
	cache_begins(w);
	assert_int_equal(strlen(w->told), strlen("+dev:one +ops:one "));
	*w->told = 0;
	assert_true(cache_filled(w->cache));
	assert_false(cache_live(w->cache));
	assert_string_equal(description(w, "/roles/ops"), "one");
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 10);
	end(w);
}

static void a_damaged_copy_is_thrown_away(void **state)
{
	struct world *w = begin_live(*state);
	struct buf bytes = { 0 };
	struct err err = { 0 };

	cache_ends(w);
	turn_until(w->loop, w->watch == NULL);
	assert_int_equal(file_read(w->copy, 65536, &bytes, &err), 0);
	bytes.data[bytes.len / 2] ^= 1;
	assert_int_equal(file_replace(w->copy, bytes.data, bytes.len, 0600, &err), 0);
	cache_begins(w);
	assert_false(cache_filled(w->cache));
	assert_string_equal(w->told, "");
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 0);
	buf_deinit(&bytes);
	end(w);
}

static void roles_are_looked_up_by_name(void **state)
{
	struct world *w = begin_live(*state);
	pv_Role role = pv_Role_init_zero;
	struct err err = { 0 };
	size_t at = 0;
	int count = 0;

	assert_int_equal(cache_lookup_role(w->cache, "ops", &role, &err), 0);
	assert_string_equal(role.metadata.name, "ops");
	fields_release(&pv_Role_table, &role);
	assert_int_equal(cache_lookup_role(w->cache, "nobody", &role, &err), ERR_NOT_FOUND);
	while (cache_next(w->cache, "/roles/", &at) != NULL)
		count++;
	assert_int_equal(count, 2);
	at = 0;
	assert_null(cache_next(w->cache, "/locks/", &at));
	end(w);
}

static void a_state_that_is_too_large_is_not_taken_and_said_so(void **state)
{
	char big[600];
	struct world *w;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	w = begin(*state);
	w->max_bytes = 1000;
	go_live(w);
	send_role(w, "big", big, 11);
	turn_until(w->loop, cache_get(w->cache, "/roles/big") != NULL);
	send_role(w, "dev", big, 12);
	turn_until(w->loop, w->lost == 1);
	assert_non_null(strstr(w->why, "larger than"));
	assert_string_equal(description(w, "/roles/dev"), "one");
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 0);
	end(w);
}

static void a_kick_makes_the_next_attempt_at_once(void **state)
{
	struct world *w = begin_live(*state);

	break_off(w);
	turn_until(w->loop, w->lost == 1);
	assert_int_equal(w->watches, 1);
	cache_kick(w->cache);
	turn_until(w->loop, w->watches == 2);
	cache_kick(w->cache); /* nothing waits */
	send_init(w, false, 10);
	turn_until(w->loop, w->live == 2);
	end(w);
}

static void what_has_expired_stays_until_authd_says_so(void **state)
{
	struct world *w = begin_live(*state);
	pv_WatchEvent event = { .type = pv_WatchEvent_Type_PUT,
		                .has_resource = true,
		                .revision = 11 };

	event.resource.which_of = pv_Resource_role_tag;
	event.resource.of.role.kind = (char *)(uintptr_t) "role";
	event.resource.of.role.has_metadata = true;
	event.resource.of.role.metadata.name = (char *)(uintptr_t) "old";
	event.resource.of.role.metadata.expires = 1; /* 1970 */
	send_event(w, &event);
	turn_until(w->loop, cache_revision(w->cache) == 11);
	assert_non_null(cache_get(w->cache, "/roles/old"));
	send_delete(w, "role", "old", 12);
	turn_until(w->loop, cache_revision(w->cache) == 12);
	assert_null(cache_get(w->cache, "/roles/old"));
	end(w);
}

static void it_can_be_freed_at_every_turn_of_the_loop(void **state)
{
	for (int turns = 0; turns < 25; turns++) {
		struct world *w = begin(*state);

		cache_begins(w);
		for (int i = 0; i < turns; i++) {
			uv_run(w->loop, UV_RUN_NOWAIT);
			if (w->watch != NULL && w->live == 0 && i > 10) {
				send_init(w, true, 0);
				send_role(w, "dev", "one", 0);
				send_synced(w, i);
			}
		}
		end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_snapshot_is_seen_whole_or_not_at_all),
		loop_test(changes_are_told_and_what_stays_the_same_is_not),
		loop_test(kinds_and_events_of_a_newer_authd_are_skipped),
		loop_test(kinds_that_authd_leaves_out_are_told_and_no_error),
		loop_test(a_lost_watch_resumes_behind_its_revision),
		loop_test(a_second_snapshot_tells_the_differences_alone),
		loop_test(a_watch_that_makes_no_sense_begins_anew_with_a_snapshot),
		loop_test(the_copy_on_disk_serves_while_authd_is_away),
		loop_test(a_damaged_copy_is_thrown_away),
		loop_test(roles_are_looked_up_by_name),
		loop_test(a_state_that_is_too_large_is_not_taken_and_said_so),
		loop_test(a_kick_makes_the_next_attempt_at_once),
		loop_test(what_has_expired_stays_until_authd_says_so),
		loop_test(it_can_be_freed_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}
