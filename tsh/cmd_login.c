/*
 * tsh login - from a password to a key and its certificates.
 *
 *   parse, find the trust --> Ping (proves the proxy, before anything secret is asked for)
 *     --> password, and a code where the cluster has a second factor --> key --> Login
 *     --> check the answer --> files --> the roles of a request, where some are asked for
 *     --> contexts for kubectl, where there is a Kubernetes
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/tls.h"
#include "tsh/cmd.h"
#include "tsh/kube_contexts.h"
#include "tsh/login_files.h"
#include "tsh/refresh.h"
#include "tsh/login_key.h"
#include "tsh/password.h"
#include "tsh/request.h"
#include "tsh/skew.h"
#include "tsh/trust.h"
#include "rpc/web_call.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct login {
	const char *ca_pin;
	const char *ttl;
	struct strlist request_roles; /* asked for after the login; empty: none */
	const char *request_reason;
	const char *request_id; /* of a request that is approved; NULL: none */
	struct profile profile;
	struct tls_conf *tls;
	struct key *key;
	struct buf password;
	struct buf code;
	char second_factor[16];  /* as the cluster's Ping says */
	pv_LoginRequest request; /* password and code are borrowed, the rest is its own */
	pv_LoginResponse response;
};

static void login_deinit(struct login *l)
{
	l->request.password = l->request.otp = NULL;
	fields_release(&pv_LoginRequest_table, &l->request);
	fields_release(&pv_LoginResponse_table, &l->response);
	buf_wipe(&l->password);
	buf_wipe(&l->code);
	key_unref(l->key);
	tls_conf_unref(l->tls);
	profile_deinit(&l->profile);
	strlist_deinit(&l->request_roles);
}

/* Who logs in where, when not said: the same as last time, then the account's own name. */
static int find_profile(struct tsh *t, struct login *l, struct err *err)
{
	struct profile last = { 0 };
	struct err ignored = { 0 };
	const struct passwd *pw = getpwuid(getuid());
	const char *proxy = t->proxy, *user = t->user;
	bool again = profile_open(&last, t->home, t->proxy, &ignored) == 0;
	int rc;

	if (proxy == NULL && again)
		proxy = last.data.proxy;
	if (user == NULL)
		user = again ? last.data.user : pw != NULL ? pw->pw_name : NULL;
	if (proxy == NULL)
		rc = err_set(err, ERR_INVALID, "say where: tsh login --proxy=HOST:PORT");
	else if (user == NULL)
		rc = err_set(err, ERR_INVALID, "say who: tsh login --user=NAME");
	else
		rc = profile_init(&l->profile, t->home, proxy, user, err);
	/* The pin of last time holds on for the same proxy. */
	if (rc == 0 && l->ca_pin == NULL && again && str_eq(last.name, l->profile.name))
		rc = fields_set_str(&l->profile.data.ca_pin, last.data.ca_pin, err);
	else if (rc == 0)
		rc = fields_set_str(&l->profile.data.ca_pin, l->ca_pin, err);
	profile_deinit(&last);
	return rc;
}

static int call(struct tsh *t, const struct login *l, const char *method,
                const struct fields_table *request_table, const void *request,
                const struct fields_table *response_table, void *out_response, struct err *err)
{
	struct web_call c = { .proxy = l->profile.data.proxy,
		              .tls = l->tls,
		              .method = method,
		              .request_table = request_table,
		              .request = request,
		              .response_table = response_table };

	return web_call_wait(&t->loop, &c, out_response, err);
}

/* What to do about a proxy that does not prove itself. */
static int explain_distrust(const struct login *l, struct err *err)
{
	struct err cause = *err;

	if (str_empty(l->profile.data.ca_pin))
		return err_set(err, cause.code,
		               "%s\nThis machine does not trust the proxy '%s', so nothing was "
		               "sent. If it uses the\ncluster's own authority, log in with "
		               "--ca-pin=sha256:... (the invite and 'tctl status' show it).",
		               cause.msg, l->profile.data.proxy);
	return err_set(err, cause.code,
	               "%s\nThe proxy '%s' has not proved that it holds the pin, so nothing was "
	               "sent. If this\nmachine's clock and the proxy's name are right, ask an "
	               "administrator for the present pin\n('tctl status' shows it).",
	               cause.msg, l->profile.data.proxy);
}

/* Proves the proxy and measures the clocks, before a password is asked for. */
static int ping(struct tsh *t, struct login *l, struct err *err)
{
	pv_PingRequest request = { 0 };
	pv_PingResponse response = { 0 };
	char skew[SKEW_TEXT_SIZE];
	int rc = call(t, l, "Ping", &pv_PingRequest_table, &request, &pv_PingResponse_table,
	              &response, err);

	if (rc == ERR_UNTRUSTED || rc == ERR_UNAUTHENTICATED)
		return explain_distrust(l, err);
	if (rc != 0)
		return err_wrap(err, "find the cluster behind '%s'", l->profile.data.proxy);
	if (*skew_text(skew, clock_wall_ms(t->clock), response.time) != 0)
		fprintf(stderr, "tsh: warning: %s\n", skew);
	if (response.second_factor != NULL)
		str_copy(l->second_factor, sizeof(l->second_factor), response.second_factor);
	fields_release(&pv_PingResponse_table, &response);
	return 0;
}

static int ask_password(struct login *l, struct err *err)
{
	char *prompt =
	        str_printf("Password of '%s' at %s: ", l->profile.data.user, l->profile.data.proxy);
	int rc;

	if (prompt == NULL)
		return err_set_nomem(err);
	rc = password_ask(prompt, &l->password, err);
	free(prompt);
	return rc;
}

/* A script that knows of no code leaves it out where the cluster allows that. */
static int ask_code(struct login *l, struct err *err)
{
	if (str_eq(l->second_factor, "otp"))
		return password_ask_code("Code of your second factor: ", &l->code, err);
	if (str_eq(l->second_factor, "optional") && !password_no_code())
		return password_ask_code(
		        "Code of your second factor (empty if you have none): ", &l->code, err);
	return 0;
}

static int make_request(struct login *l, struct err *err)
{
	int rc = login_key_new(l->profile.data.user, &l->key, &l->request.ssh_public_key,
	                       &l->request.tls_public_key, err);

	if (rc == 0)
		rc = fields_set_str(&l->request.user, l->profile.data.user, err);
	if (rc == 0 && l->ttl != NULL) {
		rc = str_to_duration(l->ttl, &l->request.ttl, err);
		if (rc != 0)
			err_wrap(err, "--ttl");
	}
	return rc;
}

static int log_in(struct tsh *t, struct login *l, struct err *err)
{
	int rc;

	l->request.password = (char *)(uintptr_t)buf_str(&l->password);
	l->request.otp = (char *)(uintptr_t)buf_str(&l->code);
	rc = call(t, l, "Login", &pv_LoginRequest_table, &l->request, &pv_LoginResponse_table,
	          &l->response, err);
	buf_wipe(&l->password);
	buf_wipe(&l->code);
	l->request.password = l->request.otp = NULL;
	return rc;
}

static void greet(struct tsh *t, const struct login *l)
{
	char until[STR_TIME_SIZE], skew[SKEW_TEXT_SIZE];

	printf("Logged in to '%s' as '%s' until %s.\n", l->profile.data.cluster,
	       l->profile.data.user,
	       str_from_time(until, sizeof(until), l->profile.data.valid_until));
	if (*skew_text(skew, clock_wall_ms(t->clock), l->response.time) != 0)
		fprintf(stderr,
		        "tsh: warning: %s; certificates may look expired or not yet valid\n", skew);
}

/* That kubectl is not served as well does not undo a login. */
static void follow_kubernetes(struct tsh *t, struct login *l)
{
	struct err err = { 0 };

	if (kube_contexts_follow(t, &l->profile, &err) == 0)
		return;
	fputs("tsh: warning: ", stderr);
	printable_write(stderr, err.msg);
	fputc('\n', stderr);
}

/* More roles for a while: those of a request that is approved, now or earlier. */
static int elevate(struct tsh *t, struct login *l, struct err *err)
{
	const char *id = l->request_id;
	pv_Resource made = pv_Resource_init_zero;
	struct api api = { 0 };
	int rc;

	if (id == NULL && l->request_roles.count == 0)
		return 0;
	rc = api_open(&api, t, &l->profile, err);
	if (rc == 0 && id == NULL) {
		rc = request_create(&api, &l->request_roles, l->request_reason, 0, &made, err);
		id = made.of.access_request.metadata.name;
		if (rc == 0)
			rc = request_wait(&api, id, err);
	}
	if (rc == 0)
		rc = request_assume(&api, &l->profile, id, err);
	if (rc == 0)
		puts("The roles of the request are yours until then.");
	api_close(&api);
	fields_release(&pv_Resource_table, &made);
	return rc;
}

/* Which leaves there are; that they are not heard of does not undo a login. */
static void learn_leaves(struct tsh *t, struct login *l)
{
	struct api api = { 0 };
	struct err ignored;

	if (api_open(&api, t, &l->profile, &ignored) == 0)
		refresh_authorities(&api, &l->profile, &ignored);
	api_close(&api);
}

/* `tsh login CLUSTER`: a leaf of where we are logged in, or back from there. */
static int turn_to(struct tsh *t, const char *cluster, struct err *err)
{
	struct profile p = { 0 };
	int rc = cmd_open_own_profile(t, &p, err);
	bool own = rc == 0 && str_eq(cluster, p.data.cluster);

	if (rc == 0 && !own)
		rc = cmd_find_leaf(t, &p, cluster, err);
	if (rc == 0)
		rc = fields_set_str(&p.data.leaf, own ? NULL : cluster, err);
	if (rc == 0)
		rc = profile_save(&p, err);
	if (rc == 0)
		printf("Commands mean cluster '%s' now.\n", cluster);
	profile_deinit(&p);
	return rc;
}

int cmd_login(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct login l = { 0 };
	const struct args_option options[] = {
		{ "ca-pin", 0, ARGS_TEXT, &l.ca_pin },
		{ "ttl", 0, ARGS_TEXT, &l.ttl },
		{ "request-roles", 0, ARGS_LIST, &l.request_roles },
		{ "request-reason", 0, ARGS_TEXT, &l.request_reason },
		{ "request-id", 0, ARGS_TEXT, &l.request_id },
		{ 0 },
	};
	struct pin pin;
	int rc;

	rc = cmd_parse(t, options, &argc, argv, err);
	if (rc == 0 && argc > 1)
		rc = err_set(err, ERR_INVALID, "'%s' is one word too many", argv[1]);
	if (rc == 0 && argc == 1) {
		strlist_deinit(&l.request_roles);
		return turn_to(t, argv[0], err);
	}
	if (rc == 0 && l.ca_pin != NULL)
		rc = pin_parse(l.ca_pin, &pin, err);
	if (rc == 0)
		rc = find_profile(t, &l, err);
	if (rc == 0)
		rc = make_request(&l, err);
	if (rc == 0)
		rc = trust_proxy_anonymous(&l.profile, l.ca_pin == NULL, t->clock, &l.tls, err);
	if (rc == 0)
		rc = ping(t, &l, err);
	if (rc == 0)
		rc = ask_password(&l, err);
	if (rc == 0)
		rc = ask_code(&l, err);
	if (rc == 0 && (rc = log_in(t, &l, err)) != 0)
		err_wrap(err, "log in to '%s' as '%s'", l.profile.data.proxy, l.profile.data.user);
	if (rc == 0)
		rc = login_files_write(&l.profile, l.key, &l.response, t->program, err);
	if (rc == 0)
		greet(t, &l);
	if (rc == 0)
		learn_leaves(t, &l);
	if (rc == 0)
		rc = elevate(t, &l, err);
	if (rc == 0)
		follow_kubernetes(t, &l);
	login_deinit(&l);
	return rc;
}
