#include "base/log.h"

#include "base/buf.h"
#include "base/str.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

static const char *const level_names[] = { "debug", "info", "warn", "error" };

/* The process has one log; this is the only state of its kind in libcommon. */
static struct {
	const char *daemon;
	enum log_level least;
	int fd;
	const char *debug; /* the value of <DAEMON>_DEBUG, or NULL */
} sink = { "postern", LOG_LEVEL_INFO, STDERR_FILENO, NULL };

void log_open(const char *daemon, enum log_level least)
{
	char name[64];
	size_t i;

	sink.daemon = daemon;
	sink.least = least;
	for (i = 0; daemon[i] != 0 && i < sizeof(name) - sizeof("_DEBUG"); i++)
		name[i] = isalnum((unsigned char)daemon[i])
		                  ? (char)toupper((unsigned char)daemon[i])
		                  : '_';
	memcpy(name + i, "_DEBUG", sizeof("_DEBUG"));
	sink.debug = getenv(name);
}

void log_set_fd(int fd)
{
	sink.fd = fd;
}

bool log_debug_enabled(const char *subsystem)
{
	size_t len = strlen(subsystem);
	const char *at = sink.debug;

	if (at == NULL)
		return false;
	if (str_eq(at, "all"))
		return true;
	while ((at = strstr(at, subsystem)) != NULL) {
		bool starts = at == sink.debug || at[-1] == ',';

		if (starts && (at[len] == 0 || at[len] == ','))
			return true;
		at += len;
	}
	return false;
}

static bool is_plain(const char *s)
{
	if (*s == 0)
		return false;
	for (; *s != 0; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("\"\\=", *s))
			return false;
	return true;
}

/* UTF-8 passes through; control characters, which could forge lines or drive terminals, do not. */
static void append_quoted(struct buf *line, const char *s)
{
	buf_append_byte(line, '"');
	for (; *s != 0; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			buf_appendf(line, "\\%c", c);
		else if (c == '\n')
			buf_append_str(line, "\\n");
		else if (c < ' ' || c == 0x7f)
			buf_appendf(line, "\\x%02x", c);
		else
			buf_append_byte(line, c);
	}
	buf_append_byte(line, '"');
}

static void append_field(struct buf *line, const struct log_field *f)
{
	buf_appendf(line, " %s=", f->key);
	if (f->text == NULL)
		buf_appendf(line, "%" PRId64, f->number);
	else if (is_plain(f->text))
		buf_append_str(line, f->text);
	else
		append_quoted(line, f->text);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	struct buf line;

	if (level < sink.least && level != LOG_LEVEL_DEBUG)
		return;
	buf_init(&line, LINE_MAX_BYTES);
	buf_appendf(&line, "level=%s daemon=%s", level_names[level], sink.daemon);
	append_field(&line, &(struct log_field){ "event", event, 0 });
	for (; fields->key != NULL; fields++)
		append_field(&line, fields);
	line.failed = 0; /* a field that was too long is left out, the line is not */
	buf_append_byte(&line, '\n');
	if (line.data != NULL)
		(void)!write(sink.fd, line.data, line.len); /* nowhere to report a failure */
	buf_deinit(&line);
}
