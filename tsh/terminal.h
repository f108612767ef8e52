/*
 * terminal - the user's terminal: raw and back, its size.
 */
#ifndef TSH_TERMINAL_H
#define TSH_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

struct terminal {
	int fd;
	bool raw;
	struct termios before;
};

/* Keys one by one, no echo, no signals. Does nothing (raw stays false) if fd is no terminal. */
void terminal_open_raw(struct terminal *t, int fd);
void terminal_restore(struct terminal *t);

/* False: not known, 80 by 24 is given. */
bool terminal_size(int fd, uint32_t *out_columns, uint32_t *out_rows);

/* Writes all; false when the other end is gone. */
bool terminal_write(int fd, const void *data, size_t len);

#endif
