#include "model/rotation.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"
#include "tests/unit/unit.h"

#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */
#define ID      "11111111-2222-4333-8444-555555555555"

/* An authority as it stands in some phase; what its keys are is told by their names. */
struct world {
	pv_CertAuthoritySpec ca;
};

static void set_keys(pv_CaKeys *keys, const char *name)
{
	pv_TlsKeyPair *tls;
	pv_SshKeyPair *ssh;
	struct err err;

	tls = fields_add(&keys->tls, &keys->tls_count, sizeof(*tls), &err);
	ssh = fields_add(&keys->ssh, &keys->ssh_count, sizeof(*ssh), &err);
	fields_set_str(&tls->cert, name, &err);
	fields_set_str(&tls->cross_cert, "by the other", &err);
	fields_set_str(&ssh->public_key, name, &err);
}

static void begin_world(struct world *w)
{
	struct err err;

	*w = (struct world){ 0 };
	fields_set_str(&w->ca.type, "host", &err);
	set_keys(&w->ca.active_keys, "old");
}

static void end_world(struct world *w)
{
	fields_release(&pv_CertAuthoritySpec_table, &w->ca);
}

static int step(struct world *w, enum rotation_phase to, bool automatic, struct err *err)
{
	const struct rotation_wish wish = { .phase = to,
		                            .automatic = automatic,
		                            .id = ID,
		                            .now = 1000,
		                            .grace = 300,
		                            .spread = 60 };
	pv_CaKeys fresh = pv_CaKeys_init_zero;
	enum rotation_change change;
	pv_Rotation next;

	if (rotation_step(&w->ca.rotation, &wish, &next, &change, err) != 0)
		return err->code;
	fields_release(&pv_Rotation_table, &w->ca.rotation);
	w->ca.rotation = next;
	if (change == ROTATION_ADD)
		set_keys(&fresh, "new");
	rotation_change_keys(&w->ca, change, &fresh);
	fields_release(&pv_CaKeys_table, &fresh);
	return 0;
}

static const char *name_of(const pv_CaKeys *keys)
{
	return keys->tls_count > 0 ? keys->tls[0].cert : "";
}

/* --- steps ----------------------------------------------------------------------------------- */

/* How each phase is reached by legal steps. */
static void bring_to(struct world *w, enum rotation_phase phase)
{
	static const enum rotation_phase way[] = { ROTATION_INIT, ROTATION_UPDATE_CLIENTS,
		                                   ROTATION_UPDATE_SERVERS };
	struct err err;

	begin_world(w);
	if (phase == ROTATION_ROLLBACK) {
		assert_int_equal(step(w, ROTATION_INIT, false, &err), 0);
		assert_int_equal(step(w, ROTATION_ROLLBACK, false, &err), 0);
	}
	for (size_t i = 0; i < 3 && phase != ROTATION_ROLLBACK && phase != ROTATION_STANDBY; i++) {
		assert_int_equal(step(w, way[i], false, &err), 0);
		if (way[i] == phase)
			break;
	}
	assert_int_equal(rotation_phase_of(&w->ca.rotation), phase);
}

static void a_step_is_legal_as_the_table_says(void **state)
{
	static const char legal[ROTATION_PHASES][ROTATION_PHASES + 1] = {
		/* to:                     standby init clients servers rollback */
		[ROTATION_STANDBY] = "-x---",        [ROTATION_INIT] = "--x-x",
		[ROTATION_UPDATE_CLIENTS] = "---xx", [ROTATION_UPDATE_SERVERS] = "x---x",
		[ROTATION_ROLLBACK] = "x----",
	};

	(void)state;
	for (int from = 0; from < ROTATION_PHASES; from++) {
		for (int to = 0; to < ROTATION_PHASES; to++) {
			struct world w;
			struct err err;
			int rc;

			bring_to(&w, from);
			rc = step(&w, to, false, &err);
			assert_int_equal(rc, legal[from][to] == 'x' ? 0 : ERR_CONFLICT);
			assert_int_equal(rotation_phase_of(&w.ca.rotation), rc == 0 ? to : from);
			end_world(&w);
		}
	}
}

static void a_refusal_says_what_would_do(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	bring_to(&w, ROTATION_INIT);
	assert_int_equal(step(&w, ROTATION_STANDBY, false, &err), ERR_CONFLICT);
	assert_string_equal(err.msg, "phase 'standby' does not follow on 'init'; "
	                             "update_clients or rollback does");
	end_world(&w);
}

static void every_phase_signs_shows_and_trusts_what_it_should(void **state)
{
	static const struct {
		enum rotation_phase phase;
		const char *signs, *shows, *also_trusted;
	} rows[] = {
		{ ROTATION_STANDBY, "old", "old", "" },
		{ ROTATION_INIT, "old", "old", "new" },
		{ ROTATION_UPDATE_CLIENTS, "new", "old", "old" },
		{ ROTATION_UPDATE_SERVERS, "new", "new", "old" },
		{ ROTATION_ROLLBACK, "old", "old", "new" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;

		bring_to(&w, rows[i].phase);
		assert_string_equal(name_of(&w.ca.active_keys), rows[i].signs);
		assert_string_equal(name_of(rotation_serving(&w.ca)), rows[i].shows);
		assert_string_equal(name_of(&w.ca.additional_trusted_keys), rows[i].also_trusted);
		end_world(&w);
	}
}

static void the_end_leaves_one_key(void **state)
{
	static const struct {
		enum rotation_phase from;
		bool rolls_back;
		const char *key;
		int64_t last_rotated;
	} rows[] = {
		{ ROTATION_UPDATE_SERVERS, false, "new", 1000 },
		{ ROTATION_INIT, true, "old", 0 },
		{ ROTATION_UPDATE_CLIENTS, true, "old", 0 },
		{ ROTATION_UPDATE_SERVERS, true, "old", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		struct err err;

		bring_to(&w, rows[i].from);
		if (rows[i].rolls_back)
			assert_int_equal(step(&w, ROTATION_ROLLBACK, false, &err), 0);
		assert_string_equal(w.ca.rotation.state, "in_progress");
		assert_int_equal(step(&w, ROTATION_STANDBY, false, &err), 0);
		assert_string_equal(name_of(&w.ca.active_keys), rows[i].key);
		assert_null(w.ca.active_keys.tls[0].cross_cert);
		assert_int_equal(w.ca.additional_trusted_keys.tls_count, 0);
		assert_string_equal(w.ca.rotation.state, "standby");
		assert_int_equal(w.ca.rotation.last_rotated, rows[i].last_rotated);
		assert_string_equal(w.ca.rotation.current_id, ID); /* hosts report it */
		end_world(&w);
	}
}

/* --- by the clock ---------------------------------------------------------------------------- */

static void an_automatic_rotation_is_due_in_thirds(void **state)
{
	static const struct {
		enum rotation_phase phase, next;
		int64_t due;
	} rows[] = {
		{ ROTATION_INIT, ROTATION_UPDATE_CLIENTS, 1100 },
		{ ROTATION_UPDATE_CLIENTS, ROTATION_UPDATE_SERVERS, 1200 },
		{ ROTATION_UPDATE_SERVERS, ROTATION_STANDBY, 1300 },
	};
	enum rotation_phase next;
	struct world w;
	struct err err;

	(void)state;
	begin_world(&w);
	assert_int_equal(rotation_due(&w.ca.rotation, &next), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(step(&w, rows[i].phase, true, &err), 0);
		assert_int_equal(rotation_due(&w.ca.rotation, &next), rows[i].due);
		assert_int_equal(next, rows[i].next);
	}
	assert_int_equal(step(&w, ROTATION_STANDBY, true, &err), 0);
	assert_int_equal(rotation_due(&w.ca.rotation, &next), 0);
	end_world(&w);
}

static void a_step_by_hand_ends_the_schedule(void **state)
{
	enum rotation_phase next;
	struct world w;
	struct err err;

	(void)state;
	begin_world(&w);
	assert_int_equal(step(&w, ROTATION_INIT, true, &err), 0);
	assert_string_equal(w.ca.rotation.mode, "auto");
	assert_int_equal(step(&w, ROTATION_ROLLBACK, false, &err), 0);
	assert_string_equal(w.ca.rotation.mode, "manual");
	assert_int_equal(rotation_due(&w.ca.rotation, &next), 0);
	end_world(&w);
}

static void hosts_renew_within_half_of_a_short_phase(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	begin_world(&w);
	assert_int_equal(step(&w, ROTATION_INIT, true, &err), 0);
	assert_int_equal(w.ca.rotation.spread, 50); /* 60 were wished, the phase lasts 100 */
	assert_int_equal(step(&w, ROTATION_ROLLBACK, false, &err), 0);
	assert_int_equal(w.ca.rotation.spread, 60);
	end_world(&w);
}

/* --- records --------------------------------------------------------------------------------- */

static void phases_have_the_names_that_people_know(void **state)
{
	static const char *const names[] = { "standby", "init", "update_clients", "update_servers",
		                             "rollback" };
	enum rotation_phase phase;
	struct err err;

	(void)state;
	for (int i = 0; i < ROTATION_PHASES; i++) {
		assert_string_equal(rotation_phase_name(i), names[i]);
		assert_int_equal(rotation_phase_parse(names[i], &phase, &err), 0);
		assert_int_equal(phase, i);
	}
	assert_int_equal(rotation_phase_parse("Standby", &phase, &err), ERR_INVALID);
	assert_int_equal(rotation_phase_parse("", &phase, &err), ERR_INVALID);
}

static void a_host_has_followed_when_it_reports_this_phase_of_this_rotation(void **state)
{
	static const struct {
		const char *type, *id, *phase;
		bool followed;
	} rows[] = {
		{ "host", ID, "init", true },         { "user", ID, "init", false },
		{ "host", "another", "init", false }, { "host", ID, "standby", false },
		{ NULL, NULL, NULL, false },
	};
	struct world w;

	(void)state;
	begin_world(&w);
	assert_true(rotation_reached(NULL, 0, &w.ca)); /* there is nothing to follow */
	end_world(&w);
	bring_to(&w, ROTATION_INIT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const pv_ReachedRotation reports[] = {
			{ .type = TEXT("other") },
			{ .type = (char *)rows[i].type,
			  .current_id = (char *)rows[i].id,
			  .phase = (char *)rows[i].phase },
		};

		assert_int_equal(rotation_reached(reports, 2, &w.ca), rows[i].followed);
	}
	assert_false(rotation_reached(NULL, 0, &w.ca));
	end_world(&w);
}

static void only_steps_that_take_something_away_lock_out(void **state)
{
	static const bool locks[ROTATION_PHASES] = {
		[ROTATION_UPDATE_SERVERS] = true,
		[ROTATION_STANDBY] = true,
	};

	(void)state;
	for (int i = 0; i < ROTATION_PHASES; i++)
		assert_int_equal(rotation_locks_out(i), locks[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_is_legal_as_the_table_says),
		cmocka_unit_test(a_refusal_says_what_would_do),
		cmocka_unit_test(every_phase_signs_shows_and_trusts_what_it_should),
		cmocka_unit_test(the_end_leaves_one_key),
		cmocka_unit_test(an_automatic_rotation_is_due_in_thirds),
		cmocka_unit_test(a_step_by_hand_ends_the_schedule),
		cmocka_unit_test(hosts_renew_within_half_of_a_short_phase),
		cmocka_unit_test(phases_have_the_names_that_people_know),
		cmocka_unit_test(a_host_has_followed_when_it_reports_this_phase_of_this_rotation),
		cmocka_unit_test(only_steps_that_take_something_away_lock_out),
	};

	return unit_run(tests);
}
