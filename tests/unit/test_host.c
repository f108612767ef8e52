#include "daemon/host.h"

#include "tests/unit/host_world.h"

static void certificates_are_renewed_when_two_thirds_of_their_life_are_gone(void **state)
{
	struct world *w = begin(*state, DUE);

	w->server_time = DUE - 5000;
	start(w);
	turn_until(w->loop, w->changes == 1);
	assert_int_equal(w->renewals, 1);
	assert_string_equal(w->hostname, "web-1");
	assert_int_equal(host_credentials(w->host)->not_after_ms, DUE + 3 * PKI_HOUR);
	assert_int_equal(host_clock_skew(w->host), 5000);
	assert_int_equal(host_credentials(w->host)->parts.chain_len, 2);
	turn(w, 50);
	assert_int_equal(w->renewals, 1);
	end(w);
}

static void a_young_certificate_is_left_alone(void **state)
{
	struct world *w = begin(*state, DUE - 60000);

	start(w);
	turn(w, 50);
	assert_int_equal(w->renewals + w->changes + w->failures, 0);
	end(w);
}

static void a_failed_renewal_is_told_and_the_old_certificate_stays(void **state)
{
	struct world *w = begin(*state, DUE);

	err_set(&w->fail, ERR_UNAVAILABLE, "the disk is full");
	start(w);
	turn_until(w->loop, w->failures == 1);
	assert_string_equal(w->failure.msg, "renew certificates: the disk is full");
	assert_int_equal(host_credentials(w->host)->not_after_ms, DEATH);
	turn(w, 50);
	assert_int_equal(w->renewals, 1); /* not at once again */
	assert_int_equal(w->changes, 0);
	end(w);
}

static void an_answer_for_another_key_is_a_failed_renewal(void **state)
{
	struct world *w = begin(*state, DUE);

	pubkey_unref(w->key);
	w->key = pubkey_ref(key_public(w->users.key));
	start(w);
	turn_until(w->loop, w->failures == 1);
	assert_non_null(strstr(w->failure.msg, "another key"));
	assert_int_equal(host_credentials(w->host)->not_after_ms, DEATH);
	end(w);
}

static void a_change_of_an_authority_is_told_once(void **state)
{
	struct world *w = begin(*state, BORN);
	struct pki fresh;
	pv_CertAuthority users;
	struct err err = { 0 };

	start(w);
	pki_init(&fresh, "new user CA");
	member_authority(&users, "user", "new-key", &fresh);
	for (int i = 0; i < 3; i++)
		member_check(host_take_authority(w->host, &users, &err), &err);
	assert_int_equal(w->changes, 1);
	fields_release(&pv_CertAuthority_table, &users);
	pki_deinit(&fresh);
	end(w);
}

static void it_can_be_closed_at_every_turn_of_a_renewal(void **state)
{
	for (int turns = 0; turns < 15; turns++) {
		struct world *w = begin(*state, DUE);

		start(w);
		turn(w, turns);
		end(w);
	}
}

static void it_can_be_closed_while_authd_thinks(void **state)
{
	struct world *w = begin(*state, DUE);

	w->hold = true;
	start(w);
	turn_until(w->loop, w->renewals == 1);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(certificates_are_renewed_when_two_thirds_of_their_life_are_gone),
		loop_test(a_young_certificate_is_left_alone),
		loop_test(a_failed_renewal_is_told_and_the_old_certificate_stays),
		loop_test(an_answer_for_another_key_is_a_failed_renewal),
		loop_test(a_change_of_an_authority_is_told_once),
		loop_test(it_can_be_closed_at_every_turn_of_a_renewal),
		loop_test(it_can_be_closed_while_authd_thinks),
	};

	return unit_run(tests);
}
