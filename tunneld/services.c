#include "tunneld/services.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "loop/dial.h"
#include "loop/splice.h"
#include "loop/stream.h"
#include "tunnel/tunnel.h"

#include <stdlib.h>

struct services {
	struct services_conf conf;
	struct list joints;
	size_t count;
	bool closed; /* goes with the last joint */
};

/* A channel on its way to a service, then joined to it. */
struct joint {
	struct services *services;
	struct list at;
	struct channel *channel; /* NULL: answered, or withdrawn */
	struct dial *dial;       /* NULL: over */
	struct splice *splice;   /* NULL: not yet */
	char service[TUNNEL_SERVICE_SIZE];
	char proxy[RAND_UUID_SIZE];
};

struct services *services_new(const struct services_conf *conf)
{
	struct services *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conf = *conf;
	list_init(&s->joints);
	return s;
}

static const char *address_of(const struct services *s, const char *name)
{
	for (const struct service *at = s->conf.named; at->name != NULL; at++)
		if (str_eq(at->name, name))
			return at->addr;
	for (size_t i = 0; i < s->conf.allow->count; i++)
		if (str_eq(s->conf.allow->items[i], name))
			return name;
	return NULL;
}

static void free_if_over(struct services *s)
{
	if (s->closed && list_empty(&s->joints))
		free(s);
}

static void joint_free(struct joint *j)
{
	list_remove(&j->at);
	free_if_over(j->services);
	free(j);
}

static void refuse(struct joint *j, const struct err *why)
{
	log_info("connection refused", kv("service", j->service), kv("proxy", j->proxy),
	         kv("reason", why->msg));
	if (j->channel != NULL)
		channel_refuse(j->channel, why);
	joint_free(j);
}

static void on_ended(void *owner, const struct splice_count *count, const struct err *err)
{
	struct joint *j = owner;

	log_info("connection ended", kv("service", j->service), kv("proxy", j->proxy),
	         kv("sent", (int64_t)count->b_to_a), kv("received", (int64_t)count->a_to_b),
	         kv("reason", err != NULL ? err->msg : ""));
	j->services->count--;
	joint_free(j);
}

static int join(struct joint *j, struct stream *take_service, struct err *err)
{
	struct stream *remote;
	int rc = channel_accept(j->channel, &remote, err);

	j->channel = NULL;
	if (rc == 0) {
		j->splice = splice_start(remote, take_service, on_ended, j);
		if (j->splice != NULL)
			return 0;
		err_set_nomem(err);
		stream_refuse(remote, err);
	}
	stream_refuse(take_service, err);
	return err->code;
}

static void on_dialled(void *owner, struct stream *take_stream, const struct err *why)
{
	struct joint *j = owner;
	struct err err = { 0 };

	j->dial = NULL;
	if (why != NULL) {
		refuse(j, why);
	} else if (j->channel == NULL) {
		stream_refuse(take_stream, NULL);
		joint_free(j);
	} else if (join(j, take_stream, &err) != 0) {
		refuse(j, &err);
	} else {
		j->services->count++;
		log_info("connection opened", kv("service", j->service), kv("proxy", j->proxy));
	}
}

static struct joint *joint_new(struct services *s, struct channel *c, const char *service,
                               const char *proxy)
{
	struct joint *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->services = s;
	j->channel = c;
	list_append(&s->joints, &j->at);
	str_copy(j->service, sizeof(j->service), service);
	str_copy(j->proxy, sizeof(j->proxy), proxy);
	return j;
}

void *services_request(struct services *s, struct channel *c, const char *service,
                       const char *proxy)
{
	struct joint *j = joint_new(s, c, service, proxy);
	const char *addr = address_of(s, service);
	struct err err = { 0 };

	if (j == NULL) {
		err_set_nomem(&err);
		channel_refuse(c, &err);
	} else if (str_empty(addr)) {
		err_set(&err, ERR_DENIED, "this agent does not serve '%s'", service);
		refuse(j, &err);
	} else if (dial_start(s->conf.loop, addr, s->conf.dial_ms, on_dialled, j, &j->dial, &err) !=
	           0) {
		refuse(j, &err);
	} else {
		return j;
	}
	return NULL;
}

void services_withdrawn(void *asked)
{
	struct joint *j = asked;

	j->channel = NULL;
	dial_cancel(j->dial);
}

void services_free(struct services *s)
{
	struct list *next;

	if (s == NULL)
		return;
	s->closed = true;
	for (struct list *at = s->joints.next; at != &s->joints; at = next) {
		struct joint *j = container_of(at, struct joint, at);

		next = at->next;
		if (j->splice != NULL)
			splice_cancel(j->splice, NULL);
		else
			dial_cancel(j->dial);
	}
	free_if_over(s);
}

size_t services_count(const struct services *s)
{
	return s->count;
}
