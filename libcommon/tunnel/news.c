#include "tunnel/news.h"

#include "base/err.h"
#include "model/resource.h"
#include "wire/fields.h"
#include "wire/framing.h"

#include "proto/tunnel.fields.h"

int news_append(const pv_TunnelNews *news, struct buf *out, struct err *err)
{
	return framing_append(&pv_TunnelNews_table, news, NEWS_MAX, out, err);
}

static int check_proxy(const pv_TunnelProxy *p, struct err *err)
{
	if (p->id == NULL || !resource_is_uuid(p->id))
		return err_set(err, ERR_INVALID, "a proxy's id is no UUID");
	if (p->ttl <= 0)
		return err_set(err, ERR_INVALID, "proxy '%s' has expired", p->id);
	return 0;
}

static int check(const pv_TunnelNews *news, struct err *err)
{
	if (news->proxies_count > NEWS_PROXIES_MAX)
		return err_set(err, ERR_LIMIT, "%u proxies", (unsigned)news->proxies_count);
	for (size_t i = 0; i < news->proxies_count; i++)
		if (check_proxy(&news->proxies[i], err) != 0)
			return err->code;
	return 0;
}

int news_parse(const uint8_t *data, size_t len, pv_TunnelNews *out, size_t *out_used,
               struct err *err)
{
	size_t used;
	int rc;

	*out_used = 0;
	rc = framing_decode(&pv_TunnelNews_table, data, len, NEWS_MAX, out, &used, err);
	if (rc != 0 || used == 0)
		return rc;
	rc = check(out, err);
	if (rc != 0)
		news_release(out);
	else
		*out_used = used;
	return rc;
}

void news_release(pv_TunnelNews *news)
{
	fields_release(&pv_TunnelNews_table, news);
}
