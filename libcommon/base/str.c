#include "base/str.h"

#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool str_eq(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s);
	size_t want = strlen(suffix);

	return len >= want && strcmp(s + len - want, suffix) == 0;
}

bool str_empty(const char *s)
{
	return s == NULL || *s == 0;
}

bool str_has_word(const char *words, const char *word)
{
	size_t len = word != NULL ? strlen(word) : 0;

	if (len == 0)
		return false;
	for (const char *at = strstr(words, word); at != NULL; at = strstr(at + 1, word))
		if ((at == words || at[-1] == ' ') && (at[len] == 0 || at[len] == ' '))
			return true;
	return false;
}

int str_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size) {
		dst[0] = 0;
		return ERR_LIMIT;
	}
	memcpy(dst, src, len + 1);
	return 0;
}

char *str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

int str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	char *end;
	intmax_t v;

	if (*s != '-' && (*s < '0' || *s > '9'))
		return err_set(err, ERR_INVALID, "'%s' is not a number", s);
	errno = 0;
	v = strtoimax(s, &end, 10);
	if (*end != 0 || end == s)
		return err_set(err, ERR_INVALID, "'%s' is not a number", s);
	if (errno == ERANGE || v < min || v > max)
		return err_set(err, ERR_INVALID, "%s is not between %" PRId64 " and %" PRId64, s,
		               min, max);
	*out = v;
	return 0;
}

#define MS_PER_HOUR     3600000LL
#define DURATION_MAX_MS (100LL * 366 * 24 * MS_PER_HOUR)

static int64_t unit_ms(const char *unit, size_t len)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", MS_PER_HOUR } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && memcmp(units[i].name, unit, len) == 0)
			return units[i].ms;
	return 0;
}

/* One "1.5h" of a duration; moves *at behind it. */
static int duration_part(const char **at, double *total_ms)
{
	char *end;
	size_t unit_len;
	double n;
	int64_t ms;

	if (strspn(*at, "0123456789.") == 0)
		return ERR_INVALID;
	n = strtod(*at, &end);
	if (end != *at + strspn(*at, "0123456789."))
		return ERR_INVALID;
	unit_len = strspn(end, "msh");
	ms = unit_ms(end, unit_len);
	if (ms == 0)
		return ERR_INVALID;
	*total_ms += n * (double)ms;
	*at = end + unit_len;
	return 0;
}

int str_to_duration(const char *s, int64_t *out_ms, struct err *err)
{
	const char *at = s;
	double total = 0;

	if (str_eq(s, "0") || str_eq(s, "never")) {
		*out_ms = 0;
		return 0;
	}
	do {
		if (duration_part(&at, &total) != 0)
			return err_set(err, ERR_INVALID,
			               "'%s' is not a duration (write '8h', '1h30m' or '90s')", s);
	} while (*at != 0);
	if (total > (double)DURATION_MAX_MS)
		return err_set(err, ERR_INVALID, "duration '%s' is above 100 years", s);
	*out_ms = (int64_t)(total + 0.5);
	return 0;
}

char *str_from_duration(char *dst, size_t size, int64_t ms)
{
	int64_t h = ms / MS_PER_HOUR;
	int64_t m = ms / 60000 % 60;
	double s = (double)(ms % 60000) / 1000;

	if (ms != 0 && ms < 1000)
		snprintf(dst, size, "%" PRId64 "ms", ms);
	else if (h > 0)
		snprintf(dst, size, "%" PRId64 "h%" PRId64 "m%.6gs", h, m, s);
	else if (m > 0)
		snprintf(dst, size, "%" PRId64 "m%.6gs", m, s);
	else
		snprintf(dst, size, "%.6gs", s);
	return dst;
}

int str_to_time(const char *s, int64_t *out_ms, struct err *err)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ms = 0;

	if (end != NULL && *end == '.') {
		int64_t scale = 100;

		for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
			ms += (*end - '0') * scale;
	}
	if (end == NULL || strcmp(end, "Z") != 0)
		return err_set(err, ERR_INVALID,
		               "'%s' is not a time (write it in UTC, like "
		               "'2030-01-31T12:00:00Z')",
		               s);
	*out_ms = (int64_t)timegm(&tm) * 1000 + ms;
	return 0;
}

char *str_from_time(char *dst, size_t size, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	size_t len;

	gmtime_r(&t, &tm);
	len = strftime(dst, size, "%Y-%m-%dT%H:%M:%S", &tm);
	if (ms % 1000 != 0)
		snprintf(dst + len, size - len, ".%03dZ", (int)(ms % 1000));
	else
		snprintf(dst + len, size - len, "Z");
	return dst;
}

size_t str_host_len(const char *addr)
{
	const char *colon = strrchr(addr, ':');

	return colon != NULL ? (size_t)(colon - addr) : strlen(addr);
}
