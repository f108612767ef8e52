#include "tests/bench/simulator/samples.h"

#include <stdlib.h>

void samples_add(struct samples *s, double value)
{
	if (s->count == s->capacity) {
		s->capacity = s->capacity > 0 ? 2 * s->capacity : 1024;
		s->values = reallocarray(s->values, s->capacity, sizeof(*s->values));
		if (s->values == NULL)
			abort();
	}
	s->values[s->count++] = value;
}

void samples_clear(struct samples *s)
{
	s->count = 0;
}

void samples_deinit(struct samples *s)
{
	free(s->values);
	*s = (struct samples){ 0 };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double samples_at(struct samples *s, double share)
{
	if (s->count == 0)
		return 0;
	qsort(s->values, s->count, sizeof(*s->values), compare);
	return s->values[(size_t)(share * (double)(s->count - 1))];
}
