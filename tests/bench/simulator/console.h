/*
 * console - commands, a line each, from standard input, and answers, JSON objects on a line, to
 * standard output.
 */
#ifndef SIMULATOR_CONSOLE_H
#define SIMULATOR_CONSOLE_H

#include <uv.h>

struct console;
struct err;

/* `line` ("put", "pulse 100") comes without its end; NULL: no more will come. */
typedef void (*console_cb)(void *ctx, const char *line);

int console_open(uv_loop_t *loop, console_cb cb, void *ctx, struct console **out, struct err *err);
void console_close(struct console *c);

void console_say(struct console *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
