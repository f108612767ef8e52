#include "tunnel/news.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* What is taken keeps its promises, and can be said again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pv_TunnelNews news = pv_TunnelNews_init_zero;
	struct buf again = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	if (news_parse(data, size, &news, &used, &err) != 0 || used == 0)
		return 0;
	assert(used <= size && news.proxies_count <= NEWS_PROXIES_MAX);
	for (size_t i = 0; i < news.proxies_count; i++)
		assert(strlen(news.proxies[i].id) == 36 && news.proxies[i].ttl > 0);
	assert(news_append(&news, &again, &err) == 0);
	buf_deinit(&again);
	news_release(&news);
	return 0;
}
