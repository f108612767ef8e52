#include "base/span.h"

struct span span_of(const void *data, size_t len)
{
	return (struct span){ .at = data, .left = len };
}

const uint8_t *span_skip(struct span *s, size_t len)
{
	const uint8_t *at = s->at;

	if (s->failed || len > s->left) {
		s->failed = true;
		return NULL;
	}
	s->at += len;
	s->left -= len;
	return at;
}

uint64_t span_number(struct span *s, size_t bytes)
{
	const uint8_t *at = span_skip(s, bytes);
	uint64_t n = 0;

	for (size_t i = 0; at != NULL && i < bytes; i++)
		n = n << 8 | at[i];
	return n;
}

struct span span_vector(struct span *s, size_t bytes)
{
	size_t len = span_number(s, bytes);
	const uint8_t *at = span_skip(s, len);

	return (struct span){ at, at != NULL ? len : 0, at == NULL };
}

uint32_t span_u32_at(const uint8_t *at)
{
	struct span s = span_of(at, 4);

	return (uint32_t)span_number(&s, 4);
}
