#include "kubeproxyd/channels/ask.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "kubeproxyd/request/attributes.h"
#include "kubeproxyd/request/headers.h"
#include "wire/http1.h"

#include <string.h>
#include <strings.h>

#define FLAG_SIZE  8
#define PORTS_SIZE 128

/* --- the protocol ---------------------------------------------------------------------------- */

/* Both headers may be said several times, or once with commas. */
static void gather(const struct http1_message *head, const char *name, struct buf *out)
{
	for (size_t i = 0; i < head->header_count; i++) {
		if (strcasecmp(head->headers[i].name, name) == 0)
			buf_appendf(out, "%s%s", out->len > 0 ? ", " : "", head->headers[i].value);
	}
}

static int choose(struct ask *out, enum carrier carrier, const struct http1_message *head,
                  struct err *err)
{
	bool ws = carrier == CARRIER_WEBSOCKET;
	struct buf offered = { 0 }, known = { 0 };

	gather(head, ws ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version", &offered);
	out->protocol = protocol_choose(out->purpose, carrier, buf_str(&offered));
	if (out->protocol == NULL) {
		protocol_names(out->purpose, carrier, &known);
		err_set(err, ERR_UNSUPPORTED, "unable to upgrade: '%s' offers none of %s",
		        buf_str(&offered), buf_str(&known));
	}
	buf_deinit(&offered);
	buf_deinit(&known);
	return out->protocol != NULL ? 0 : err->code;
}

static int read_websocket(struct ask *out, const struct http1_message *head, struct err *err)
{
	const char *key = http1_header(head, "Sec-WebSocket-Key");

	if (!str_eq(http1_header(head, "Sec-WebSocket-Version"), "13"))
		return err_set(err, ERR_INVALID, "unable to upgrade: not version 13 of WebSocket");
	if (!str_eq(head->method, "GET"))
		return err_set(err, ERR_INVALID, "unable to upgrade: a WebSocket begins by GET");
	if (websocket_accept(key != NULL ? key : "", out->accept, err) != 0)
		return err_wrap(err, "unable to upgrade");
	return choose(out, CARRIER_WEBSOCKET, head, err);
}

static int read_upgrade(struct ask *out, const struct http1_message *head, struct err *err)
{
	const char *upgrade = http1_header(head, "Upgrade");

	if (upgrade == NULL ||
	    !headers_list_has(head->headers, head->header_count, "Connection", "upgrade"))
		return err_set(err, ERR_INVALID, "you must specify a connection upgrade");
	if (strcasecmp(upgrade, "websocket") == 0)
		return read_websocket(out, head, err);
	if (strcasecmp(upgrade, "SPDY/3.1") == 0)
		return choose(out, CARRIER_SPDY, head, err);
	return err_set(err, ERR_INVALID, "unable to upgrade to '%s'", upgrade);
}

/* --- channels -------------------------------------------------------------------------------- */

static bool flag(const char *target, const char *name)
{
	char value[FLAG_SIZE];

	return attributes_query(target, name, value, sizeof(value)) &&
	       strcasecmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

static unsigned bit(enum channel_kind kind, bool wanted)
{
	return wanted ? 1u << kind : 0;
}

/* A terminal has one output. */
static void read_kinds(struct ask *out, const char *target)
{
	out->tty = flag(target, "tty");
	out->kinds = bit(CHANNEL_ERROR, true) | bit(CHANNEL_STDIN, flag(target, "stdin")) |
	             bit(CHANNEL_STDOUT, flag(target, "stdout")) |
	             bit(CHANNEL_STDERR, flag(target, "stderr") && !out->tty) |
	             bit(CHANNEL_RESIZE, out->tty);
}

static int add_ports(struct ask *out, char *text, struct err *err)
{
	const char *port;
	int64_t n;

	while ((port = strsep(&text, ",")) != NULL) {
		if (str_to_i64(port, 1, UINT16_MAX, &n, err) != 0)
			return err_wrap(err, "unable to upgrade: ports");
		if (out->port_count == ASK_PORTS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d ports", ASK_PORTS_MAX);
		out->ports[out->port_count++] = (unsigned)n;
	}
	return 0;
}

static int read_ports(struct ask *out, const char *target, struct err *err)
{
	const char *at = strchr(target, '?');
	char text[PORTS_SIZE];
	int rc = 0;

	while (rc == 0 && attributes_query_next(&at, "ports", text, sizeof(text)))
		rc = add_ports(out, text, err);
	if (rc == 0 && out->port_count == 0)
		rc = err_set(err, ERR_INVALID, "unable to upgrade: no ports are named");
	return rc;
}

int ask_read(struct ask *out, const struct attributes *a, const struct http1_message *head,
             struct err *err)
{
	bool forwards = strcmp(a->subresource, "portforward") == 0;
	int rc;

	*out = (struct ask){ .purpose = forwards ? PURPOSE_FORWARD : PURPOSE_COMMAND };
	rc = read_upgrade(out, head, err);
	if (rc != 0)
		return rc;
	if (!forwards)
		read_kinds(out, head->target);
	else if (out->protocol->carrier == CARRIER_WEBSOCKET && !out->protocol->tunnel)
		rc = read_ports(out, head->target, err);
	return rc;
}

void ask_command(const char *target, struct buf *out)
{
	const char *at = strchr(target, '?');
	char word[ATTRIBUTE_PATH_MAX];

	while (attributes_query_next(&at, "command", word, sizeof(word)))
		buf_appendf(out, "%s%s", out->len > 0 ? " " : "", word);
}

bool ask_must_end(const struct ask *a)
{
	return a->purpose == PURPOSE_COMMAND && (a->kinds & 1u << CHANNEL_STDIN) != 0 && !a->tty;
}

/* --- the answer ------------------------------------------------------------------------------ */

int ask_write_answer(const struct ask *a, struct buf *out, struct err *err)
{
	bool ws = a->protocol->carrier == CARRIER_WEBSOCKET;

	buf_appendf(out,
	            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n",
	            ws ? "websocket" : "SPDY/3.1");
	if (ws)
		buf_appendf(out, "Sec-WebSocket-Accept: %s\r\n", a->accept);
	if (a->protocol->name[0] != 0)
		buf_appendf(out, "%s: %s\r\n",
		            ws ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version",
		            a->protocol->name);
	buf_append_str(out, "\r\n");
	return buf_check(out, err);
}
