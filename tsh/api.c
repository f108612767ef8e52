#include "tsh/api.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "tsh/trust.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define CALL_MS 30000
#define TRIES   3

int api_open(struct api *a, struct tsh *t, const struct profile *p, struct err *err)
{
	const char *const addrs[] = { p->data.proxy, NULL };
	char *name = str_printf("auth.%s", p->data.cluster);
	struct rpc_client_conf conf = {
		.loop = &t->loop, .service = &pv_Auth_service, .addrs = addrs, .server_name = name
	};
	int rc;

	*a = (struct api){ .tsh = t, .timeout_ms = CALL_MS };
	if (name == NULL)
		return err_set_nomem(err);
	rc = trust_cluster(p, t->clock, TRUST_GRPC, &conf.tls, err);
	if (rc == 0) {
		a->client = rpc_client_new(&conf, err);
		rc = a->client != NULL ? 0 : err->code;
	}
	tls_conf_unref(conf.tls);
	free(name);
	return rc;
}

void api_close(struct api *a)
{
	rpc_client_close(a->client, NULL, NULL);
	a->client = NULL;
}

int api_get(struct api *a, const char *kind, const char *name, pv_Resource *out, struct err *err)
{
	const pv_GetResourceRequest request = { .kind = (char *)(uintptr_t)kind,
		                                .name = (char *)(uintptr_t)name };

	return rpc_unary_wait(a->client, AUTH_GET_RESOURCE, &request, a->timeout_ms, out, err);
}

/* "env=prod" becomes a label that must be there. */
static int add_label(pv_ListResourcesRequest *request, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	pv_ListResourcesRequest_LabelsEntry *entry;
	char *key;
	int rc;

	if (equals == NULL || equals == text)
		return err_set(err, ERR_INVALID, "'%s' is not label=value", text);
	entry = fields_add(&request->labels, &request->labels_count, sizeof(*entry), err);
	if (entry == NULL)
		return err->code;
	key = strndup(text, (size_t)(equals - text));
	if (key == NULL)
		return err_set_nomem(err);
	rc = fields_set_str(&entry->key, key, err);
	free(key);
	return rc == 0 ? fields_set_str(&entry->value, equals + 1, err) : rc;
}

static int make_request(const struct api_query *q, pv_ListResourcesRequest *out, struct err *err)
{
	int rc = fields_set_str(&out->kind, q->kind, err);

	if (rc == 0)
		rc = fields_set_str(&out->search, q->search, err);
	for (int i = 0; rc == 0 && i < q->label_count; i++)
		rc = add_label(out, q->labels[i], err);
	return rc;
}

/* What only reads may be asked again: authd is perhaps being restarted. The client's back-off lies
 * between the tries. */
static int ask(struct api *a, unsigned call, const void *request, void *out, struct err *err)
{
	int rc = ERR_UNAVAILABLE;

	for (int i = 0; i < TRIES && (rc == ERR_UNAVAILABLE || rc == ERR_IO); i++)
		rc = rpc_unary_wait(a->client, call, request, a->timeout_ms, out, err);
	return rc;
}

/* One page; request->page_start then stands at the next, empty at the end. */
static int list_page(struct api *a, pv_ListResourcesRequest *request, api_each each, void *arg,
                     struct err *err)
{
	pv_ListResourcesResponse page = { 0 };
	int rc = ask(a, AUTH_LIST_RESOURCES, request, &page, err);

	for (pb_size_t i = 0; rc == 0 && i < page.resources_count; i++)
		rc = each(arg, &page.resources[i], err);
	if (rc == 0)
		rc = fields_set_str(&request->page_start, page.next_page, err);
	fields_release(&pv_ListResourcesResponse_table, &page);
	return rc;
}

int api_list(struct api *a, const struct api_query *q, api_each each, void *arg, struct err *err)
{
	pv_ListResourcesRequest request = { 0 };
	int rc = make_request(q, &request, err);

	while (rc == 0) {
		rc = list_page(a, &request, each, arg, err);
		if (str_empty(request.page_start))
			break;
	}
	fields_release(&pv_ListResourcesRequest_table, &request);
	return rc;
}
