#include "kubeproxyd/upstream/preflight.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "conf/value.h"
#include "kubeproxyd/request/headers.h"
#include "kubeproxyd/upstream/call.h"
#include "kubeproxyd/upstream/upstream.h"
#include "loop/timer.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_MS   15000
#define ANSWER_MAX 65536
#define CALL_MS    30000
#define TARGET     "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

static const char *const kinds[] = { "users", "groups", "serviceaccounts" };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct preflight {
	struct upstream *u;
	struct timer *timer; /* of the next round, or of the call under way */
	struct upstream_call *call;
	size_t asking; /* of kinds */
	int status;    /* of the answer */
	struct buf answer;
	struct buf missing; /* "users, groups" */
	struct err state;   /* of the last round; code 0: all is allowed */
	struct err told;    /* what was logged last */
};

static void ask(struct preflight *p);

/* --- rounds ---------------------------------------------------------------------------------- */

/* Said once, until it is something else. */
static void tell(struct preflight *p)
{
	if (p->state.code == p->told.code && strcmp(p->state.msg, p->told.msg) == 0)
		return;
	p->told = p->state;
	if (p->state.code == 0)
		log_info("impersonation is allowed", kv("api_server", upstream_name(p->u)));
	else
		log_error("the API server will not serve us", kv("reason", p->state.msg));
}

static void end_round(struct preflight *p)
{
	tell(p);
	if (p->state.code != 0)
		timer_once(p->timer, AGAIN_MS);
	else
		timer_stop(p->timer);
}

static void finish(struct preflight *p)
{
	p->state = (struct err){ .code = 0 };
	if (p->missing.len > 0)
		err_set(&p->state, ERR_DENIED,
		        "our credentials may not impersonate %s: grant the verb 'impersonate' on "
		        "users, groups and serviceaccounts",
		        buf_str(&p->missing));
	end_round(p);
}

static void give_up(struct preflight *p, const struct err *why)
{
	upstream_call_cancel(p->call);
	p->call = NULL;
	p->state = *why;
	end_round(p);
}

/* --- one question ---------------------------------------------------------------------------- */

static void take_answer(struct preflight *p)
{
	struct value *v = NULL;
	bool allowed = false;
	struct err err;

	if (p->status != 201 && p->status != 200) {
		err_set(&err, ERR_DENIED,
		        "it answers %d to a SelfSubjectAccessReview: are our credentials valid, "
		        "and may they create selfsubjectaccessreviews?",
		        p->status);
		give_up(p, &err);
		return;
	}
	if (json_read(p->answer.data, p->answer.len, &v, &err) == 0) {
		const struct value *word = value_get(value_get(v, "status"), "allowed");

		allowed = word != NULL && word->type == VALUE_BOOL && word->number != 0;
	}
	value_free(v);
	if (!allowed)
		buf_appendf(&p->missing, "%s%s", p->missing.len > 0 ? ", " : "", kinds[p->asking]);
	p->asking++;
	if (p->asking < KINDS)
		ask(p);
	else
		finish(p);
}

static void on_answer(void *owner, int status, const struct http1_header *headers, size_t count,
                      int64_t length)
{
	struct preflight *p = owner;

	(void)headers;
	(void)count;
	(void)length;
	p->status = status;
}

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct preflight *p = owner;

	buf_append(&p->answer, data, len); /* too much of it is no JSON */
	upstream_call_consume(p->call, len);
}

static void on_drain(void *owner)
{
	(void)owner;
}

static void on_end(void *owner)
{
	struct preflight *p = owner;

	p->call = NULL;
	take_answer(p);
}

static void on_failed(void *owner, const struct err *err)
{
	struct preflight *p = owner;

	p->call = NULL;
	give_up(p, err);
}

static int start_call(struct preflight *p, const char *body, struct err *err)
{
	static const struct upstream_events events = {
		.answer = on_answer,
		.data = on_data,
		.drain = on_drain,
		.end = on_end,
		.failed = on_failed,
	};
	struct headers headers = { .count = 0 };
	struct upstream_request request = {
		.method = "POST",
		.headers = &headers,
		.length = (int64_t)strlen(body),
	};
	char *target = upstream_target(p->u, TARGET);
	int rc = target != NULL ? upstream_add_headers(p->u, &headers, err) : err_set_nomem(err);

	request.target = target;
	if (rc == 0)
		rc = headers_add(&headers, "Content-Type", "application/json", err);
	if (rc == 0)
		rc = headers_add(&headers, "Accept", "application/json", err);
	if (rc == 0)
		rc = upstream_call_start(p->u, &request, &events, p, &p->call, err);
	headers_deinit(&headers);
	free(target);
	return rc;
}

static void ask(struct preflight *p)
{
	char body[300];
	struct err err;

	buf_clear(&p->answer);
	snprintf(
	        body, sizeof(body),
	        "{\"kind\":\"SelfSubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\","
	        "\"spec\":{\"resourceAttributes\":{\"verb\":\"impersonate\",\"resource\":\"%s\"}}}",
	        kinds[p->asking]);
	if (start_call(p, body, &err) != 0) {
		give_up(p, &err);
		return;
	}
	upstream_call_write(p->call, body, strlen(body));
	upstream_call_finish(p->call);
	timer_once(p->timer, CALL_MS);
}

static void on_timer(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "the API server does not answer", 0 };
	struct preflight *p = owner;

	if (p->call != NULL) {
		give_up(p, &late);
		return;
	}
	p->asking = 0;
	buf_clear(&p->missing);
	ask(p);
}

int preflight_open(struct upstream *u, uv_loop_t *loop, struct preflight **out, struct err *err)
{
	struct preflight *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->u = u;
	buf_init(&p->answer, ANSWER_MAX);
	err_set(&p->state, ERR_UNAVAILABLE, "the API server was not asked yet");
	p->told = p->state;
	p->timer = timer_new(loop, on_timer, p);
	if (p->timer == NULL) {
		free(p);
		return err_set_nomem(err);
	}
	timer_once(p->timer, 0);
	*out = p;
	return 0;
}

void preflight_close(struct preflight *p)
{
	if (p == NULL)
		return;
	upstream_call_cancel(p->call);
	timer_free(p->timer);
	buf_deinit(&p->answer);
	buf_deinit(&p->missing);
	free(p);
}

int preflight_check(const struct preflight *p, struct err *err)
{
	return p->state.code == 0 ? 0 : err_copy(err, &p->state);
}
