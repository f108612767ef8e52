#include "tsh/request.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/key.h"
#include "model/request.h"
#include "rpc/client.h"
#include "tsh/login_files.h"
#include "tsh/login_key.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/auth.service.h"
#include "proto/resource.fields.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define CALL_MS 30000
#define KIND    ((char *)(uintptr_t) "access_request")

int request_create(struct api *a, const struct strlist *roles, const char *reason, int64_t ttl,
                   pv_Resource *out, struct err *err)
{
	const pv_CreateAccessRequestRequest request = {
		.roles = roles->items,
		.roles_count = (pb_size_t)roles->count,
		.reason = (char *)(uintptr_t)reason,
		.ttl = ttl,
	};
	int rc = rpc_unary_wait(a->client, AUTH_CREATE_ACCESS_REQUEST, &request, CALL_MS, out, err);

	if (rc == 0)
		printf("Request %s waits for approval.\n", out->of.access_request.metadata.name);
	fflush(stdout);
	return rc;
}

int request_load(struct api *a, const char *id, pv_Resource *out, struct err *err)
{
	int rc = api_get(a, KIND, id, out, err);

	if (rc == 0 && out->which_of != pv_Resource_access_request_tag) {
		fields_release(&pv_Resource_table, out);
		rc = err_set(err, ERR_CORRUPT, "the answer is no request");
	}
	return rc;
}

/* --- waiting --------------------------------------------------------------------------------- */

struct wait {
	bool judged;
	bool over;
	struct err *err; /* why not, once it is over */
};

static void look_at(struct wait *w, const pv_AccessRequestSpec *spec)
{
	w->judged = !str_eq(spec->state, REQUEST_PENDING);
	if (str_eq(spec->state, REQUEST_APPROVED))
		w->err->code = 0;
	else if (w->judged)
		err_set(w->err, ERR_DENIED, "the request is denied%s%s",
		        str_empty(spec->resolve_reason) ? "" : ": ",
		        str_empty(spec->resolve_reason) ? "" : spec->resolve_reason);
}

static void on_event(struct rpc_stream *s, const void *message)
{
	const pv_WatchEvent *event = message;
	struct wait *w = rpc_stream_data(s);

	if (w->judged)
		return;
	if (event->type == pv_WatchEvent_Type_PUT &&
	    event->resource.which_of == pv_Resource_access_request_tag) {
		look_at(w, &event->resource.of.access_request.spec);
	} else if (event->type == pv_WatchEvent_Type_DELETE) {
		w->judged = true;
		err_set(w->err, ERR_NOT_FOUND, "nobody judged the request in time");
	}
	if (w->judged)
		rpc_stream_cancel(s);
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	struct wait *w = rpc_stream_data(s);

	w->over = true;
	if (w->judged)
		return;
	if (err != NULL)
		*w->err = *err;
	else
		err_set(w->err, ERR_UNAVAILABLE, "authd ended the watch");
}

int request_wait(struct api *a, const char *id, struct err *err)
{
	static const struct rpc_stream_events events = { on_event, NULL, on_closed };
	pv_WatchKind kind = { .kind = KIND, .name = (char *)(uintptr_t)id };
	const pv_WatchRequest request = { .kinds = &kind, .kinds_count = 1 };
	struct wait w = { .err = err };

	if (rpc_stream_start(a->client, AUTH_WATCH, &request, 0, &events, &w, NULL, err) != 0)
		return err->code;
	while (!w.over)
		uv_run(&a->tsh->loop, UV_RUN_ONCE);
	return err->code;
}

/* --- taking the roles ------------------------------------------------------------------------ */

int request_assume(struct api *a, struct profile *p, const char *id, struct err *err)
{
	pv_AssumeAccessRequestRequest request = { .id = (char *)(uintptr_t)id };
	char *ssh = NULL, *tls = NULL;
	pv_LoginResponse answer;
	struct key *key = NULL;
	int rc = login_key_new(p->data.user, &key, &ssh, &tls, err);

	request.ssh_public_key = ssh;
	request.tls_public_key = tls;
	if (rc == 0)
		rc = rpc_unary_wait(a->client, AUTH_ASSUME_ACCESS_REQUEST, &request, CALL_MS,
		                    &answer, err);
	if (rc == 0) {
		rc = login_files_write(p, key, &answer, a->tsh->program, err);
		fields_release(&pv_LoginResponse_table, &answer);
	}
	key_unref(key);
	free(ssh);
	free(tls);
	return rc;
}
