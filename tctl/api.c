#include "tctl/api.h"

#include "tctl/cmd.h"
#include "tctl/identity.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT "3025"

/* --- settings -------------------------------------------------------------------------------- */

static int replace(char **setting, const char *option, struct err *err)
{
	return option != NULL ? fields_set_str(setting, option, err) : 0;
}

/* The file, and options over it. --socket overrides a file's auth_server too. */
static int load_settings(struct tctl *t, struct err *err)
{
	const char *file = t->config != NULL ? t->config : TCTL_CONF_FILE;
	int rc = conf_load(tctl_conf_keys(), file, &t->conf, err);

	if (rc == ERR_NOT_FOUND && t->config == NULL)
		rc = conf_parse(tctl_conf_keys(), file, "", 0, &t->conf, err);
	if (rc == 0 && t->socket != NULL && t->auth_server == NULL) {
		free(t->conf.auth_server);
		t->conf.auth_server = NULL;
	}
	if (rc == 0)
		rc = replace(&t->conf.socket, t->socket, err);
	if (rc == 0)
		rc = replace(&t->conf.auth_server, t->auth_server, err);
	if (rc == 0)
		rc = replace(&t->conf.identity, t->identity, err);
	if (rc == 0 && t->conf.auth_server == NULL && t->identity != NULL)
		rc = err_set(err, ERR_INVALID, "an identity file needs --auth-server too");
	if (rc == 0 && t->conf.auth_server != NULL && t->conf.identity == NULL)
		rc = err_set(err, ERR_INVALID, "--auth-server needs an identity file (-i)");
	return rc;
}

/* --- the connection -------------------------------------------------------------------------- */

static int open_client(struct tctl *t, const char *addr, struct tls_conf *tls, struct err *err)
{
	const char *const addrs[] = { addr, NULL };
	struct rpc_client_conf conf = {
		.loop = &t->loop,
		.service = &pv_Auth_service,
		.addrs = addrs,
		.tls = tls,
	};

	t->client = rpc_client_new(&conf, err);
	return t->client != NULL ? 0 : err->code;
}

static int open_local(struct tctl *t, struct err *err)
{
	char *addr = str_printf("unix:%s", t->conf.socket);
	int rc = addr != NULL ? open_client(t, addr, NULL, err) : err_set_nomem(err);

	free(addr);
	return rc;
}

static int open_remote(struct tctl *t, struct err *err)
{
	struct conf_addr server = { 0 };
	struct tls_conf *tls = NULL;
	char *addr = NULL;
	int rc = conf_addr_parse(t->conf.auth_server, DEFAULT_PORT, &server, err);

	if (rc == 0)
		rc = identity_tls(t->conf.identity, &tls, err);
	if (rc == 0) {
		addr = str_printf(strchr(server.host, ':') != NULL ? "[%s]:%s" : "%s:%s",
		                  server.host, server.port);
		rc = addr != NULL ? open_client(t, addr, tls, err) : err_set_nomem(err);
	}
	free(addr);
	tls_conf_unref(tls);
	conf_addr_deinit(&server);
	return rc;
}

int api_open(struct tctl *t, struct err *err)
{
	int rc;

	if (t->client != NULL)
		return 0;
	rc = load_settings(t, err);
	if (rc != 0)
		return rc;
	if (uv_loop_init(&t->loop) != 0)
		return err_set(err, ERR_IO, "no event loop");
	rc = t->conf.auth_server != NULL ? open_remote(t, err) : open_local(t, err);
	if (rc != 0)
		uv_loop_close(&t->loop);
	return rc;
}

void api_close(struct tctl *t)
{
	if (t->client != NULL) {
		rpc_client_close(t->client, NULL, NULL);
		uv_run(&t->loop, UV_RUN_DEFAULT); /* what is being closed says goodbye */
		uv_loop_close(&t->loop);
		t->client = NULL;
	}
	conf_deinit(tctl_conf_keys(), &t->conf);
}

/* --- calls ----------------------------------------------------------------------------------- */

int api_call(struct tctl *t, enum auth_call call, const void *request, void *out_response,
             struct err *err)
{
	int rc = api_open(t, err);

	return rc == 0 ? rpc_unary_wait(t->client, call, request, 0, out_response, err) : rc;
}

/* One page; *out_next is malloc'ed, NULL after the last. */
static int list_page(struct tctl *t, const pv_ListResourcesRequest *request, api_each each,
                     void *arg, char **out_next, struct err *err)
{
	pv_ListResourcesResponse page;
	int rc = api_call(t, AUTH_LIST_RESOURCES, request, &page, err);

	*out_next = NULL;
	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < page.resources_count; i++)
		rc = each(arg, &page.resources[i], err);
	if (rc == 0 && !str_empty(page.next_page)) {
		*out_next = page.next_page;
		page.next_page = NULL;
	}
	fields_release(&pv_ListResourcesResponse_table, &page);
	return rc;
}

int api_list(struct tctl *t, pv_ListResourcesRequest *request, api_each each, void *arg,
             struct err *err)
{
	char *next = NULL;
	int rc;

	do {
		char *at = next;

		request->page_start = at;
		rc = list_page(t, request, each, arg, &next, err);
		free(at);
	} while (rc == 0 && next != NULL);
	request->page_start = NULL;
	return rc;
}
