#include "tunnel/relay_request.h"

#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"
#include "tunnel/tunnel.h"
#include "wire/fields.h"
#include "wire/framing.h"

#include "proto/dial.fields.h"

#include <string.h>

int relay_request_append(const pv_RelayRequest *r, struct buf *out, struct err *err)
{
	return framing_append(&pv_RelayRequest_table, r, RELAY_REQUEST_MAX, out, err);
}

/* A service's name goes into a header field: what is no part of any name stays out. */
static bool is_service(const char *name)
{
	size_t len = name != NULL ? strlen(name) : 0;

	if (len == 0 || len >= TUNNEL_SERVICE_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return true;
}

static int check(const pv_RelayRequest *r, struct err *err)
{
	if (str_empty(r->agent_id) || !resource_is_uuid(r->agent_id))
		return err_set(err, ERR_INVALID, "an agent's id is no UUID");
	if (!is_service(r->service))
		return err_set(err, ERR_INVALID, "no service was named");
	return 0;
}

int relay_request_parse(const uint8_t *data, size_t len, pv_RelayRequest *out, size_t *out_used,
                        struct err *err)
{
	size_t used;
	int rc;

	*out_used = 0;
	rc = framing_decode(&pv_RelayRequest_table, data, len, RELAY_REQUEST_MAX, out, &used, err);
	if (rc != 0 || used == 0)
		return rc;
	rc = check(out, err);
	if (rc != 0)
		relay_request_release(out);
	else
		*out_used = used;
	return rc;
}

void relay_request_release(pv_RelayRequest *r)
{
	fields_release(&pv_RelayRequest_table, r);
}
