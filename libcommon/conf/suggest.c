#include "conf/suggest.h"

#include <ctype.h>
#include <string.h>

#define LENGTH_MAX 64

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, upper and lower case alike; two rows of the table suffice. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[2][LENGTH_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		const size_t *above = rows[(i - 1) % 2];
		size_t *row = rows[i % 2];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			int differs = tolower((unsigned char)a[i - 1]) !=
			              tolower((unsigned char)b[j - 1]);

			row[j] = least(least(above[j], row[j - 1]) + 1,
			               above[j - 1] + (size_t)differs);
		}
	}
	return rows[a_len % 2][b_len];
}

void suggest_init(struct suggest *s, const char *wrong)
{
	*s = (struct suggest){ .wrong = wrong, .distance = strlen(wrong) / 3 + 2 };
}

void suggest_offer(struct suggest *s, const char *name)
{
	size_t wrong_len = strlen(s->wrong);
	size_t name_len = strlen(name);
	size_t d;

	if (wrong_len > LENGTH_MAX || name_len > LENGTH_MAX)
		return;
	d = distance(s->wrong, wrong_len, name, name_len);
	if (d < s->distance && d < name_len) {
		s->distance = d;
		s->best = name;
	}
}
