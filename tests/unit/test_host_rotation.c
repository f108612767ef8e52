/* A host follows a rotation of the authorities: when it renews, what it shows, what it reports. */
#include "daemon/host_inside.h"

#include "crypto/x509_set.h"

#include "tests/unit/host_world.h"

#define ID "0e0f6a40-7b46-4a2f-8a57-6f0d7f5e1c11"

/* The hosts' authority in a phase: `active` signs for clients. */
static void rotated(pv_CertAuthority *out, const char *phase, const struct pki *active,
                    const struct pki *additional)
{
	pv_CertAuthority other;
	struct err err;

	member_authority(out, "host", "host-key", active);
	out->spec.has_rotation = true;
	fields_set_str(&out->spec.rotation.phase, phase, &err);
	fields_set_str(&out->spec.rotation.current_id, ID, &err);
	if (additional == NULL)
		return;
	member_authority(&other, "host", "other-key", additional);
	out->spec.has_additional_trusted_keys = true;
	out->spec.additional_trusted_keys = other.spec.active_keys;
	other.spec.active_keys = (pv_CaKeys)pv_CaKeys_init_zero;
	fields_release(&pv_CertAuthority_table, &other);
}

static bool is_signed_by(const struct x509 *cert, const struct pki *ca)
{
	struct err err;

	return x509_set_verify(ca->trust, cert, NULL, 0, PKI_NOW + 1, NULL, &err) == 0;
}

static void assert_reports(const struct world *w, const char *phase)
{
	pv_NodeSpec spec = pv_NodeSpec_init_zero;
	struct err err;

	assert_int_equal(host_follow_report(w->host, &spec, &err), 0);
	assert_int_equal(spec.rotation_count, phase != NULL);
	if (phase != NULL) {
		assert_string_equal(spec.rotation[0].type, "host");
		assert_string_equal(spec.rotation[0].current_id, ID);
		assert_string_equal(spec.rotation[0].phase, phase);
	}
	fields_release(&pv_NodeSpec_table, &spec);
}

static void take(struct world *w, pv_CertAuthority *ca)
{
	struct err err = { 0 };

	w->authority = ca;
	member_check(host_take_authority(w->host, ca, &err), &err);
}

static void each_phase_is_followed_and_reported(void **state)
{
	struct world *w = begin(*state, BORN);
	const struct {
		const char *phase;
		const struct pki *signs, *shows, *active, *additional;
		int renewals;
	} rows[] = {
		{ "init", &w->hosts, &w->hosts, &w->hosts, &w->next, 0 },
		{ "update_clients", &w->next, &w->hosts, &w->next, &w->hosts, 1 },
		{ "update_servers", &w->next, &w->next, &w->next, &w->hosts, 2 },
		{ "standby", &w->next, &w->next, &w->next, NULL, 2 },
	};

	start(w);
	assert_reports(w, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct credentials_parts *p = &host_credentials(w->host)->parts;
		pv_CertAuthority ca;

		rotated(&ca, rows[i].phase, rows[i].active, rows[i].additional);
		w->signs = rows[i].signs;
		w->shows = rows[i].shows;
		take(w, &ca);
		if (rows[i].renewals > w->renewals)
			assert_reports(w, rows[i - 1].phase); /* not yet */
		turn_until(w->loop, p->fits);
		assert_int_equal(w->renewals, rows[i].renewals);
		assert_true(is_signed_by(p->chain[0], rows[i].signs));
		assert_true(is_signed_by(p->server_chain[0], rows[i].shows));
		assert_int_equal(x509_set_count(p->host_cas), rows[i].additional != NULL ? 2 : 1);
		assert_reports(w, rows[i].phase);
		fields_release(&pv_CertAuthority_table, &ca);
	}
	assert_int_equal(w->failures, 0);
	end(w);
}

static void renewals_are_spread(void **state)
{
	struct world *w = begin(*state, BORN);
	pv_CertAuthority ca;

	start(w);
	rotated(&ca, "update_clients", &w->next, &w->hosts);
	ca.spec.rotation.spread = PKI_HOUR / 2;
	w->signs = &w->next;
	w->shows = &w->hosts;
	take(w, &ca);
	assert_true(w->host->unfit_due >= BORN && w->host->unfit_due <= BORN + PKI_HOUR / 2);
	turn(w, 20);
	if (w->host->unfit_due > BORN)
		assert_int_equal(w->renewals, 0);
	clock_fake_advance(&w->clock, PKI_HOUR / 2);
	host_renew_plan(w->host);
	turn_until(w->loop, w->renewals == 1);
	fields_release(&pv_CertAuthority_table, &ca);
	end(w);
}

/* It has missed what went before; authd may still know it by its open connection. */
static void a_list_without_our_signer_is_taken_and_we_renew_at_once(void **state)
{
	struct world *w = begin(*state, BORN);
	pv_CertAuthority ca;

	start(w);
	rotated(&ca, "standby", &w->next, NULL);
	ca.spec.rotation.spread = PKI_HOUR;
	w->signs = w->shows = &w->next;
	take(w, &ca);
	assert_int_equal(x509_set_count(host_credentials(w->host)->parts.host_cas), 1);
	assert_reports(w, NULL);
	turn_until(w->loop, host_credentials(w->host)->parts.trusted);
	assert_int_equal(w->renewals, 1);
	assert_reports(w, "standby");
	fields_release(&pv_CertAuthority_table, &ca);
	end(w);
}

static void a_missed_event_is_made_up_for_by_asking(void **state)
{
	struct world *w = begin(*state, BORN);
	pv_CertAuthority ca;

	rotated(&ca, "init", &w->hosts, &w->next);
	w->authority = &ca;
	w->poll_ms = 5;
	start(w);
	turn_until(w->loop, w->changes == 1);
	assert_reports(w, "init");
	turn_until(w->loop, w->lists >= 3);
	assert_int_equal(w->changes, 1); /* the same again is no news */
	fields_release(&pv_CertAuthority_table, &ca);
	end(w);
}

static void it_can_be_closed_while_it_asks(void **state)
{
	for (int turns = 0; turns < 12; turns++) {
		struct world *w = begin(*state, BORN);
		pv_CertAuthority ca;

		rotated(&ca, "init", &w->hosts, &w->next);
		w->authority = &ca;
		w->poll_ms = 1;
		start(w);
		turn(w, turns);
		end(w);
		fields_release(&pv_CertAuthority_table, &ca);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(each_phase_is_followed_and_reported),
		loop_test(renewals_are_spread),
		loop_test(a_list_without_our_signer_is_taken_and_we_renew_at_once),
		loop_test(a_missed_event_is_made_up_for_by_asking),
		loop_test(it_can_be_closed_while_it_asks),
	};

	return unit_run(tests);
}
