#include "kubeproxyd/channels/protocol.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/base64.h"

#include <string.h>

static const char *const kind_names[CHANNEL_KINDS] = {
	[CHANNEL_STDIN] = "stdin", [CHANNEL_STDOUT] = "stdout", [CHANNEL_STDERR] = "stderr",
	[CHANNEL_ERROR] = "error", [CHANNEL_RESIZE] = "resize", [CHANNEL_DATA] = "data",
};

/* The best first; of the same purpose and carrier. */
static const struct protocol protocols[] = {
	{ "v4.channel.k8s.io", PURPOSE_COMMAND, CARRIER_SPDY, .status = true, .closes = true,
	  .resizes = true },
	{ "v3.channel.k8s.io", PURPOSE_COMMAND, CARRIER_SPDY, .closes = true, .resizes = true },
	{ "v2.channel.k8s.io", PURPOSE_COMMAND, CARRIER_SPDY, .closes = true },
	{ "channel.k8s.io", PURPOSE_COMMAND, CARRIER_SPDY, .closes = true },
	{ "", PURPOSE_COMMAND, CARRIER_SPDY, .closes = true },
	{ "v5.channel.k8s.io", PURPOSE_COMMAND, CARRIER_WEBSOCKET, .status = true, .closes = true,
	  .resizes = true },
	{ "v4.channel.k8s.io", PURPOSE_COMMAND, CARRIER_WEBSOCKET, .status = true,
	  .resizes = true },
	{ "v4.base64.channel.k8s.io", PURPOSE_COMMAND, CARRIER_WEBSOCKET, .base64 = true,
	  .status = true, .resizes = true },
	{ "channel.k8s.io", PURPOSE_COMMAND, CARRIER_WEBSOCKET, .resizes = true },
	{ "base64.channel.k8s.io", PURPOSE_COMMAND, CARRIER_WEBSOCKET, .base64 = true,
	  .resizes = true },
	{ "", PURPOSE_COMMAND, CARRIER_WEBSOCKET, .resizes = true },
	{ "portforward.k8s.io", PURPOSE_FORWARD, CARRIER_SPDY, .closes = true },
	{ "", PURPOSE_FORWARD, CARRIER_SPDY, .closes = true },
	{ "SPDY/3.1+portforward.k8s.io", PURPOSE_FORWARD, CARRIER_WEBSOCKET, .closes = true,
	  .tunnel = true },
	{ "v4.channel.k8s.io", PURPOSE_FORWARD, CARRIER_WEBSOCKET },
	{ "v4.base64.channel.k8s.io", PURPOSE_FORWARD, CARRIER_WEBSOCKET, .base64 = true },
	{ "", PURPOSE_FORWARD, CARRIER_WEBSOCKET },
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* --- names ----------------------------------------------------------------------------------- */

const char *channel_name(enum channel_kind kind)
{
	return kind_names[kind];
}

int channel_kind_of(const char *name, enum channel_kind *out, struct err *err)
{
	for (enum channel_kind kind = 0; name != NULL && kind < CHANNEL_KINDS; kind++) {
		if (!str_eq(name, kind_names[kind]))
			continue;
		*out = kind;
		return 0;
	}
	return err_set(err, ERR_INVALID, "no kind of stream '%s'", name != NULL ? name : "");
}

static bool of(const struct protocol *p, enum purpose purpose, enum carrier carrier)
{
	return p->purpose == purpose && p->carrier == carrier;
}

static const struct protocol *find(enum purpose purpose, enum carrier carrier, const char *name,
                                   size_t len)
{
	for (const struct protocol *p = protocols; p < protocols + PROTOCOLS; p++) {
		if (of(p, purpose, carrier) && strlen(p->name) == len &&
		    memcmp(p->name, name, len) == 0)
			return p;
	}
	return NULL;
}

const struct protocol *protocol_choose(enum purpose purpose, enum carrier carrier,
                                       const char *offered)
{
	const struct protocol *best = NULL, *p;

	if (str_empty(offered))
		return find(purpose, carrier, "", 0);
	for (size_t len; *offered != 0; offered += len) {
		offered += strspn(offered, ", \t");
		len = strcspn(offered, ", \t");
		p = len > 0 ? find(purpose, carrier, offered, len) : NULL;
		if (p != NULL && (best == NULL || p < best))
			best = p;
	}
	return best;
}

const struct protocol *protocol_best(enum purpose purpose, enum carrier carrier)
{
	const struct protocol *p = protocols;

	while (!of(p, purpose, carrier))
		p++;
	return p;
}

void protocol_names(enum purpose purpose, enum carrier carrier, struct buf *out)
{
	const char *comma = "";

	for (const struct protocol *p = protocols; p < protocols + PROTOCOLS; p++) {
		if (!of(p, purpose, carrier) || p->name[0] == 0)
			continue;
		buf_appendf(out, "%s%s", comma, p->name);
		comma = ", ";
	}
}

/* --- channels of a WebSocket ----------------------------------------------------------------- */

static int read_base64(const uint8_t *message, size_t len, struct buf *scratch,
                       struct protocol_message *out, struct err *err)
{
	if (message[0] < '0' || message[0] > '9')
		return err_set(err, ERR_INVALID, "a message that begins with no channel");
	buf_clear(scratch);
	if (base64_decode((const char *)message + 1, len - 1, scratch, err) != 0)
		return err_wrap(err, "read a message");
	out->number = message[0] - '0';
	out->data = (const uint8_t *)buf_str(scratch);
	out->len = scratch->len;
	return 0;
}

int protocol_read(const struct protocol *p, const uint8_t *message, size_t len, struct buf *scratch,
                  struct protocol_message *out, struct err *err)
{
	*out = (struct protocol_message){ 0 };
	if (len == 0)
		return err_set(err, ERR_INVALID, "a message without a channel");
	if (p->base64)
		return read_base64(message, len, scratch, out, err);
	out->number = message[0];
	out->data = message + 1;
	out->len = len - 1;
	if (!p->closes || out->number != PROTOCOL_CLOSE)
		return 0;
	if (len != 2)
		return err_set(err, ERR_INVALID, "a close that names no channel");
	*out = (struct protocol_message){ .number = message[1], .closes = true };
	return 0;
}

void protocol_write(const struct protocol *p, unsigned number, const void *data, size_t len,
                    struct buf *out)
{
	buf_append_byte(out, (uint8_t)(p->base64 ? '0' + number : number));
	if (p->base64)
		base64_append(out, data, len);
	else
		buf_append(out, data, len);
}
