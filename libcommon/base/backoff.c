#include "base/backoff.h"

#include "base/rand.h"

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t backoff_next(struct backoff *b)
{
	int64_t ceiling = b->ceiling_ms == 0 ? b->first_ms : 2 * b->ceiling_ms;
	int64_t least;

	b->ceiling_ms = lesser(ceiling, b->most_ms);
	least = b->ceiling_ms / 4;
	return least + rand_below((uint32_t)lesser(b->ceiling_ms - least, UINT32_MAX - 1) + 1);
}

void backoff_reset(struct backoff *b)
{
	b->ceiling_ms = 0;
}
