/*
 * log - one line per event, as key=value pairs, on standard error.
 *
 *   log_info("cert issued", kv("user", user), kv("ttl", ttl));
 *   level=info daemon=authd event="cert issued" user=alice ttl=3600
 *
 * Only programs log; libraries return errors. Values are quoted here, so bytes
 * from the network cannot forge a line. Secrets never go in. log_debug() lines
 * belong to a subsystem and appear when <DAEMON>_DEBUG names it, as in
 * AUTHD_DEBUG=rpc,tls (or "all").
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
	const char *key;  /* NULL ends a list */
	const char *text; /* NULL: the number counts */
	int64_t number;
};

/* Names the process in every line and reads its debug switches. `daemon` is borrowed for good. */
void log_open(const char *daemon, enum log_level least);

/* Where lines go; standard error unless told. For tests. */
void log_set_fd(int fd);

bool log_debug_enabled(const char *subsystem);

void log_write(enum log_level level, const char *event, const struct log_field *fields);

static inline struct log_field log_field_text(const char *key, const char *text)
{
	return (struct log_field){ key, text != NULL ? text : "", 0 };
}

static inline struct log_field log_field_number(const char *key, int64_t number)
{
	return (struct log_field){ key, NULL, number };
}

#define kv(key, value) \
	_Generic((value), char *                                                                   \
	         : log_field_text, const char *                                                    \
	         : log_field_text, default                                                         \
	         : log_field_number)(key, value)

#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })

#define log_info(event, ...)  log_write(LOG_LEVEL_INFO, event, LOG_FIELDS(__VA_ARGS__))
#define log_warn(event, ...)  log_write(LOG_LEVEL_WARN, event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, event, LOG_FIELDS(__VA_ARGS__))
#define log_debug(subsystem, event, ...)                                            \
	do {                                                                        \
		if (log_debug_enabled(subsystem))                                   \
			log_write(LOG_LEVEL_DEBUG, event, LOG_FIELDS(__VA_ARGS__)); \
	} while (0)

#endif
