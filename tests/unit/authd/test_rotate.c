/*
 * Steps of a rotation in the keyspace: what signs, is shown and is trusted in each phase, that no
 * private half is anywhere but under /secrets/, who is left behind, and what the clock moves.
 */
#include "authd/authorities/authority_record.h"
#include "authd/core/authd.h"
#include "authd/core/secrets.h"
#include "authd/methods.h"
#include "authd/recordings/recordings.h"
#include "authd/rotation/follow.h"
#include "authd/rotation/schedule.h"
#include "authd/rotation/step.h"
#include "authd/rotation/stragglers.h"

#include "tests/unit/keyspace_fixture.h"

#include "base/buf.h"
#include "base/list.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "loop/shifts.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"
#include "proto/secrets.fields.h"

#define BOTH (STEP_USER | STEP_HOST)
#define WEB  "6b1b36cb-df32-4cf6-9f7c-3c1c8b4f9d10"

struct world {
	struct fixture *f;
	uv_loop_t loop;
	uv_poll_t commits;
	struct authd a;
	char recordings[96];
	bool stopped;
};

static void on_commits(uv_poll_t *handle, int status, int events)
{
	(void)status, (void)events;
	keyspace_dispatch(container_of(handle, struct world, commits)->f->ks);
}

static void on_stopped(void *ctx)
{
	((struct world *)ctx)->stopped = true;
}

static void world_open(struct world *w, struct fixture *f)
{
	static char cluster[] = "example";
	struct recordings_spec recordings = { .loop = &w->loop, .clock = &f->clock.clock };
	struct rpc_server_conf server = { .loop = &w->loop, .ctx = w };

	*w = (struct world){ .f = f };
	uv_loop_init(&w->loop);
	w->a = (struct authd){ .loop = &w->loop, .clock = &f->clock.clock, .keyspace = f->ks };
	w->a.conf.cluster_name = cluster;
	w->a.conf.rotation_spread = 60;
	uv_poll_init(&w->loop, &w->commits, keyspace_fd(f->ks));
	uv_poll_start(&w->commits, UV_READABLE, on_commits);
	assert_int_equal(
	        authorities_open(&w->a.authorities, f->ks, cluster, &f->clock.clock, &f->err), 0);
	snprintf(w->recordings, sizeof(w->recordings), "%s/recordings", f->dir);
	recordings.dir = w->recordings;
	recordings.key = w->a.authorities.host->client.tls_key;
	assert_int_equal(recordings_open(&w->a.recordings, &recordings, &f->err), 0);
	methods_main(&server.main);
	w->a.server = rpc_server_new(&server, &f->err);
	assert_non_null(w->a.server);
	assert_int_equal(follow_open(&w->a, &w->a.follow, &f->err), 0);
	assert_int_equal(schedule_open(&w->a, &w->a.schedule, &f->err), 0);
}

static void world_close(struct world *w)
{
	rpc_server_stop(w->a.server, 0, on_stopped);
	while (!w->stopped)
		uv_run(&w->loop, UV_RUN_ONCE);
	schedule_close(w->a.schedule);
	follow_close(w->a.follow);
	recordings_close(w->a.recordings);
	authorities_deinit(&w->a.authorities);
	uv_close((uv_handle_t *)&w->commits, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	rmdir(w->recordings);
}

/* --- steps ------------------------------------------------------------------------------------ */

struct outcome {
	bool done;
	struct err err;
};

static void on_stepped(void *arg, const struct err *err)
{
	struct outcome *o = arg;

	o->done = true;
	if (err != NULL)
		o->err = *err;
}

static int step(struct world *w, unsigned which, enum rotation_phase phase)
{
	const struct step_spec spec = { .authorities = which, .phase = phase };
	struct outcome o = { 0 };

	if (step_start(&w->a, &spec, on_stepped, &o, &w->f->err) != 0)
		return w->f->err.code;
	while (!o.done)
		uv_run(&w->loop, UV_RUN_ONCE);
	return o.err.code;
}

static enum rotation_phase phase_of(const struct authority *a)
{
	return rotation_phase_of(&a->resource.spec.rotation);
}

static struct pin pin_of(const struct x509 *cert)
{
	return x509_info(cert)->pin;
}

static void each_phase_signs_shows_and_trusts_what_it_should(void **state)
{
	static const struct {
		enum rotation_phase phase;
		bool new_signs, new_shows;
		size_t trusted, chain;
	} rows[] = {
		{ ROTATION_INIT, false, false, 2, 3 },
		{ ROTATION_UPDATE_CLIENTS, true, false, 2, 3 },
		{ ROTATION_UPDATE_SERVERS, true, true, 2, 3 },
		{ ROTATION_STANDBY, true, true, 1, 1 },
	};
	struct world w;
	struct pin old;

	world_open(&w, *state);
	old = pin_of(w.a.authorities.host->client.tls_cert);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct authority *host;
		struct pin signs, shows;

		assert_int_equal(step(&w, BOTH, rows[i].phase), 0);
		host = w.a.authorities.host;
		signs = pin_of(host->client.tls_cert);
		shows = pin_of(host->server.tls_cert);
		assert_int_equal(phase_of(host), rows[i].phase);
		assert_int_equal(phase_of(w.a.authorities.user), rows[i].phase);
		assert_int_equal(pin_equal(&signs, &old), !rows[i].new_signs);
		assert_int_equal(pin_equal(&shows, &old), !rows[i].new_shows);
		assert_int_equal(host->trusted_count, rows[i].trusted);
		assert_int_equal(host->chain_len, rows[i].chain);
		assert_int_equal(authority_trusts(host, &old), rows[i].trusted == 2);
		assert_int_equal(w.a.authorities.user->revision, host->revision); /* one write */
	}
	world_close(&w);
}

/* Behind a server's certificate stands who signed it, and how the other key vouches for that. */
static void the_chain_leads_from_either_key(void **state)
{
	struct world w;

	world_open(&w, *state);
	assert_int_equal(step(&w, STEP_HOST, ROTATION_INIT), 0);
	for (int i = 0; i < 2; i++) {
		const struct authority *host = w.a.authorities.host;
		struct pin shows = pin_of(host->server.tls_cert), cross = pin_of(host->chain[1]);
		struct x509_set *other;
		struct pin by;

		assert_true(pin_equal(&cross, &shows));
		assert_int_equal(x509_set_new(&other, &w.f->err), 0);
		assert_int_equal(x509_set_add(other, host->chain[2], &w.f->err), 0);
		assert_int_equal(
		        x509_set_verify(other, host->chain[1], NULL, 0, START_MS, &by, &w.f->err),
		        0);
		assert_false(pin_equal(&by, &shows));
		x509_set_unref(other);
		if (i == 0) {
			assert_int_equal(step(&w, STEP_HOST, ROTATION_UPDATE_CLIENTS), 0);
			assert_int_equal(step(&w, STEP_HOST, ROTATION_UPDATE_SERVERS), 0);
		}
	}
	world_close(&w);
}

static void what_does_not_follow_changes_nothing(void **state)
{
	struct world w;

	world_open(&w, *state);
	assert_int_equal(step(&w, STEP_USER, ROTATION_INIT), 0);
	assert_int_equal(step(&w, BOTH, ROTATION_INIT), ERR_CONFLICT);
	assert_int_equal(phase_of(w.a.authorities.host), ROTATION_STANDBY);
	assert_int_equal(step(&w, BOTH, ROTATION_UPDATE_CLIENTS), ERR_CONFLICT);
	assert_int_equal(phase_of(w.a.authorities.user), ROTATION_INIT);
	world_close(&w);
}

static void of_two_at_once_one_comes_too_late(void **state)
{
	struct authority_write late;
	struct keyspace_op ops[2];
	pv_CertAuthority ca;
	uint64_t revision;
	struct world w;

	world_open(&w, *state);
	assert_int_equal(
	        authority_record_read(w.f->ks, "host", "example", &ca, &revision, &w.f->err), 0);
	assert_int_equal(step(&w, STEP_HOST, ROTATION_INIT), 0);
	assert_int_equal(authority_record_ops(w.f->ks, &ca, revision, &late, ops, &w.f->err), 0);
	assert_int_equal(keyspace_write_wait(w.f->ks, ops, 2, NULL, &w.f->err), ERR_CONFLICT);
	assert_int_equal(phase_of(w.a.authorities.host), ROTATION_INIT);
	authority_write_deinit(&late);
	fields_release(&pv_CertAuthority_table, &ca);
	world_close(&w);
}

static int find_secret(void *arg, const struct keyspace_item *item)
{
	const struct buf *secret = arg;

	if (strncmp(item->key, KEYSPACE_SECRETS, strlen(KEYSPACE_SECRETS)) == 0)
		return 0;
	return memmem(item->value, item->len, secret->data, secret->len) != NULL;
}

/* The SEC 1 form holds the 32 bytes of the number; those are looked for. */
static void private_halves_of_both_keys_stay_under_secrets(void **state)
{
	const struct keyspace_query everything = { 0 };
	const struct keyspace_event *event;
	struct keyspace_watch *log;
	struct world w;

	world_open(&w, *state);
	log = watch(w.f, NULL, 1);
	for (int phase = ROTATION_INIT; phase <= ROTATION_UPDATE_SERVERS; phase++) {
		const struct authority *host;

		assert_int_equal(step(&w, BOTH, phase), 0);
		host = w.a.authorities.host;
		for (int i = 0; i < 4; i++) {
			struct key *keys[] = { host->client.tls_key, host->client.ssh_key,
				               host->server.tls_key, host->server.ssh_key };
			struct buf secret = { 0 };
			pv_CertAuthority *copies;
			struct buf public = { 0 };
			pb_size_t count;

			assert_int_equal(key_append_der(keys[i], &secret, &w.f->err), 0);
			buf_consume(&secret, 7);
			secret.len = 32;
			assert_int_equal(keyspace_each(w.f->ks, &everything, find_secret, &secret,
			                               NULL, &w.f->err),
			                 0);
			assert_int_equal(
			        authorities_copy(&w.a.authorities, &copies, &count, &w.f->err), 0);
			assert_int_equal(fields_encode(&pv_CertAuthority_table, &copies[1], &public,
			                               &w.f->err),
			                 0);
			assert_null(memmem(public.data, public.len, secret.data, secret.len));
			for (pb_size_t k = 0; k < count; k++)
				fields_release(&pv_CertAuthority_table, &copies[k]);
			free(copies);
			buf_deinit(&public);
			buf_wipe(&secret);
		}
	}
	while (keyspace_watch_next(log, &event, &w.f->err) == 0 && event != NULL)
		if (event->type != KEYSPACE_EVENT_INIT)
			assert_memory_not_equal(event->item.key, KEYSPACE_SECRETS,
			                        strlen(KEYSPACE_SECRETS));
	keyspace_watch_close(log);
	world_close(&w);
}

/* --- by the clock ----------------------------------------------------------------------------- */

static void begin_automatic(struct world *w, int64_t grace)
{
	const struct step_spec spec = { BOTH, ROTATION_INIT, true, grace };
	struct outcome o = { 0 };

	assert_int_equal(step_start(&w->a, &spec, on_stepped, &o, &w->f->err), 0);
	while (!o.done)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_int_equal(o.err.code, 0);
}

static void turn_until(struct world *w, enum rotation_phase phase)
{
	while (phase_of(w->a.authorities.host) != phase || phase_of(w->a.authorities.user) != phase)
		uv_run(&w->loop, UV_RUN_ONCE);
}

static void the_clock_moves_it_on_over_restarts(void **state)
{
	struct world w;

	world_open(&w, *state);
	begin_automatic(&w, 3000);
	for (int phase = ROTATION_UPDATE_CLIENTS; phase <= ROTATION_UPDATE_SERVERS; phase++) {
		world_close(&w);
		clock_fake_advance(&((struct fixture *)*state)->clock, 1000);
		world_open(&w, *state);
		turn_until(&w, phase);
	}
	clock_fake_advance(&w.f->clock, 1000);
	schedule_plan(w.a.schedule);
	turn_until(&w, ROTATION_STANDBY);
	assert_int_equal(w.a.authorities.host->resource.spec.rotation.last_rotated,
	                 START_MS + 3000);
	world_close(&w);
}

static void only_who_leads_moves_it(void **state)
{
	struct keyspace *other;
	struct world w;

	world_open(&w, *state);
	begin_automatic(&w, 3000);
	world_close(&w);
	keyspace_close(w.f->ks);
	assert_int_equal(keyspace_lmdb_open(&w.f->options, &other, &w.f->err), 0);
	assert_true(keyspace_leads(other));
	fixture_open(w.f);
	clock_fake_advance(&w.f->clock, 1500);
	world_open(&w, *state);
	for (int i = 0; i < 50; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	assert_int_equal(phase_of(w.a.authorities.host), ROTATION_INIT);
	keyspace_close(other); /* whose end is heard within a second */
	turn_until(&w, ROTATION_UPDATE_CLIENTS);
	world_close(&w);
}

/* --- who is left behind ----------------------------------------------------------------------- */

static void put_record(struct world *w, const char *key, const struct fields_table *t,
                       const void *msg)
{
	struct buf bytes = { 0 };

	assert_int_equal(fields_encode(t, msg, &bytes, &w->f->err), 0);
	assert_int_equal(run_op(w->f, keyspace_op_put(key, bytes.data, bytes.len, 0)), 0);
	buf_deinit(&bytes);
}

/* A node that has joined under the present host key; its record reports this of the hosts'
 * authority. */
static void put_node(struct world *w, bool has_record, const char *id, const char *phase,
                     int64_t valid_until)
{
	const struct pin signer = pin_of(w->a.authorities.host->client.tls_cert);
	pv_StoredHost host = { .valid_until = valid_until };
	pv_ReachedRotation reached = { (char *)"host", (char *)id, (char *)phase };
	pv_Resource r = { .which_of = pv_Resource_node_tag };
	char key[SECRETS_KEY_SIZE];

	fields_set_str(&host.system_role, "Node", &w->f->err);
	fields_set_str(&host.hostname, "web-1", &w->f->err);
	fields_set_bytes(&host.signed_by, signer.sha256, sizeof(signer.sha256), &w->f->err);
	put_record(w, secrets_host_key(key, WEB), &pv_StoredHost_table, &host);
	fields_release(&pv_StoredHost_table, &host);
	r.of.node.has_spec = r.of.node.has_metadata = true;
	r.of.node.metadata.name = (char *)WEB;
	r.of.node.spec.rotation = &reached;
	r.of.node.spec.rotation_count = 1;
	if (has_record)
		put_record(w, "/nodes/" WEB, &pv_Resource_table, &r);
	else
		run_op(w->f, keyspace_op_delete("/nodes/" WEB));
}

static void who_does_not_report_the_phase_is_left_behind(void **state)
{
	static const struct {
		bool has_record;
		bool this_rotation;
		const char *phase;
		int64_t valid_until;
		int32_t count;
		const char *told; /* the phase that it has reached */
	} rows[] = {
		{ true, true, "init", 0, 0, NULL },
		{ true, true, "standby", 0, 1, "standby" },
		{ true, false, "init", 0, 1, NULL },
		{ false, false, "", 0, 1, NULL },
		{ false, false, "", START_MS + 1, 1, NULL },
		{ false, false, "", START_MS - 1, 0, NULL }, /* expired: it joins anew anyway */
	};
	struct world w;

	world_open(&w, *state);
	put_node(&w, true, "", "", 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pv_RotationStatus status = pv_RotationStatus_init_zero;
		const char *id = "another";

		if (i == 0) {
			assert_int_equal(stragglers_collect(&w.a, BOTH, &status, &w.f->err), 0);
			assert_int_equal(status.straggler_count, 0); /* never rotated */
			assert_int_equal(step(&w, STEP_HOST, ROTATION_INIT), 0);
		}
		if (rows[i].this_rotation)
			id = w.a.authorities.host->resource.spec.rotation.current_id;
		put_node(&w, rows[i].has_record, id, rows[i].phase, rows[i].valid_until);
		assert_int_equal(stragglers_collect(&w.a, BOTH, &status, &w.f->err), 0);
		assert_int_equal(status.straggler_count, rows[i].count);
		if (rows[i].count > 0) {
			assert_string_equal(status.stragglers[0].hostname, "web-1");
			assert_string_equal(status.stragglers[0].type, "host");
			assert_false(status.stragglers[0].locked_out);
		}
		if (rows[i].told != NULL)
			assert_string_equal(status.stragglers[0].phase, rows[i].told);
		fields_release(&pv_RotationStatus_table, &status);
	}
	world_close(&w);
}

struct pieces {
	struct shift shift;
	struct stragglers walk;
	struct err err;
	int count;
	bool done;
};

static bool on_piece(struct shift *s)
{
	struct pieces *p = container_of(s, struct pieces, shift);
	bool more;

	p->count++;
	assert_int_equal(stragglers_walk(&p->walk, s, &more, &p->err), 0);
	p->done = !more;
	return more;
}

static void pieces_find_the_same_hosts_as_one_walk(void **state)
{
	pv_RotationStatus whole = pv_RotationStatus_init_zero;
	pv_RotationStatus status = pv_RotationStatus_init_zero;
	pv_StoredHost host = { .system_role = (char *)"Node", .hostname = (char *)"web" };
	struct pieces p = { .count = 0 };
	char key[SECRETS_KEY_SIZE], id[37];
	struct shifts *shifts;
	struct world w;

	world_open(&w, *state);
	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "00000000-0000-4000-8000-%012d", i);
		put_record(&w, secrets_host_key(key, id), &pv_StoredHost_table, &host);
	}
	assert_int_equal(step(&w, STEP_HOST, ROTATION_INIT), 0);
	assert_int_equal(stragglers_collect(&w.a, BOTH, &whole, &w.f->err), 0);
	shifts = shifts_new(&w.loop, 0, 1); /* each piece is over at once */
	p.walk = (struct stragglers){ .authd = &w.a, .authorities = BOTH, .out = &status };
	assert_int_equal(shift_start(shifts, &p.shift, on_piece, &p.err), 0);
	while (!p.done)
		uv_run(&w.loop, UV_RUN_ONCE);
	assert_int_equal(p.count, 10);
	assert_int_equal(status.straggler_count, 10);
	assert_true(fields_equal(&pv_RotationStatus_table, &status, &whole));
	shifts_free(shifts);
	fields_release(&pv_RotationStatus_table, &whole);
	fields_release(&pv_RotationStatus_table, &status);
	world_close(&w);
}

static void who_slept_through_it_is_locked_out(void **state)
{
	pv_RotationStatus status = pv_RotationStatus_init_zero;
	struct world w;

	world_open(&w, *state);
	put_node(&w, false, "", "", 0);
	assert_int_equal(step(&w, STEP_HOST, ROTATION_INIT), 0);
	assert_int_equal(step(&w, STEP_HOST, ROTATION_UPDATE_CLIENTS), 0);
	assert_int_equal(step(&w, STEP_HOST, ROTATION_UPDATE_SERVERS), 0);
	assert_int_equal(step(&w, STEP_HOST, ROTATION_STANDBY), 0);
	assert_int_equal(stragglers_collect(&w.a, BOTH, &status, &w.f->err), 0);
	assert_int_equal(status.straggler_count, 1);
	assert_true(status.stragglers[0].locked_out);
	fields_release(&pv_RotationStatus_table, &status);
	world_close(&w);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_phase_signs_shows_and_trusts_what_it_should),
		CASE(the_chain_leads_from_either_key),
		CASE(what_does_not_follow_changes_nothing),
		CASE(of_two_at_once_one_comes_too_late),
		CASE(private_halves_of_both_keys_stay_under_secrets),
		CASE(the_clock_moves_it_on_over_restarts),
		CASE(only_who_leads_moves_it),
		CASE(who_does_not_report_the_phase_is_left_behind),
		CASE(pieces_find_the_same_hosts_as_one_walk),
		CASE(who_slept_through_it_is_locked_out),
	};

	return unit_run(tests);
}
