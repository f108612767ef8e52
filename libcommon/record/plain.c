#include "record/plain.h"

#include "record/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 8
#define TAB        8

/*
 *  TEXT --ESC--> ESCAPE --[--> CSI --final--> TEXT
 *                  |-- ] P X ^ _ --> STRING --BEL--> TEXT
 *                  |                   '--ESC--> STRING_ESCAPE --\--> TEXT
 *                  '-- other, after intermediates --> TEXT
 */
enum plain_state { PLAIN_TEXT, PLAIN_ESCAPE, PLAIN_CSI, PLAIN_STRING, PLAIN_STRING_ESCAPE };

struct plain {
	enum plain_state state;
	struct utf8 utf8;
	unsigned params[PARAMS_MAX];
	size_t params_count; /* numbers begun; at least 1 within CSI */
	bool is_private;     /* CSI ? …: modes, no movement */
	size_t column;
	size_t len;
	uint32_t line[PLAIN_COLUMNS];
};

struct plain *plain_new(void)
{
	return calloc(1, sizeof(struct plain));
}

void plain_free(struct plain *p)
{
	free(p);
}

/* --- the line ------------------------------------------------------------------------------ */

static void finish_line(struct plain *p, struct buf *out)
{
	while (p->len > 0 && p->line[p->len - 1] == ' ')
		p->len--;
	for (size_t i = 0; i < p->len; i++)
		utf8_append(out, p->line[i]);
	buf_append_byte(out, '\n');
	p->len = 0;
	p->column = 0;
}

static void blank(struct plain *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		p->line[i] = ' ';
}

/* The line reaches to `column` at least. */
static void extend(struct plain *p, size_t column)
{
	if (column > p->len) {
		blank(p, p->len, column);
		p->len = column;
	}
}

static void print(struct plain *p, uint32_t c, struct buf *out)
{
	if (p->column == PLAIN_COLUMNS)
		finish_line(p, out);
	extend(p, p->column);
	p->line[p->column++] = c;
	if (p->column > p->len)
		p->len = p->column;
}

static void move_to(struct plain *p, size_t column)
{
	p->column = column < PLAIN_COLUMNS ? column : PLAIN_COLUMNS - 1;
}

static void control(struct plain *p, uint32_t c, struct buf *out)
{
	if (c == '\n')
		finish_line(p, out);
	else if (c == '\r')
		p->column = 0;
	else if (c == '\b' && p->column > 0)
		p->column--;
	else if (c == '\t')
		move_to(p, (p->column / TAB + 1) * TAB);
	else if (c == 0x1b)
		p->state = PLAIN_ESCAPE;
}

/* --- control sequences ---------------------------------------------------------------------- */

typedef void (*csi_fn)(struct plain *p, size_t n, struct buf *out);

static void cursor_right(struct plain *p, size_t n, struct buf *out)
{
	(void)out;
	move_to(p, p->column + n);
}

static void cursor_left(struct plain *p, size_t n, struct buf *out)
{
	(void)out;
	p->column -= n < p->column ? n : p->column;
}

static void cursor_column(struct plain *p, size_t n, struct buf *out)
{
	(void)out;
	move_to(p, n - 1);
}

/* To another row: what stands here is done. */
static void cursor_row(struct plain *p, size_t n, struct buf *out)
{
	(void)n;
	if (p->len > 0)
		finish_line(p, out);
}

static void delete_chars(struct plain *p, size_t n, struct buf *out)
{
	size_t rest;

	(void)out;
	if (p->column >= p->len)
		return;
	rest = p->len - p->column;
	n = n < rest ? n : rest;
	memmove(p->line + p->column, p->line + p->column + n, (rest - n) * sizeof(p->line[0]));
	p->len -= n;
}

static void insert_blanks(struct plain *p, size_t n, struct buf *out)
{
	size_t rest, room = PLAIN_COLUMNS - p->column;

	(void)out;
	if (p->column >= p->len)
		return;
	n = n < room ? n : room;
	rest = p->len - p->column;
	rest = rest < room - n ? rest : room - n; /* what is pushed out is lost */
	memmove(p->line + p->column + n, p->line + p->column, rest * sizeof(p->line[0]));
	blank(p, p->column, p->column + n);
	p->len = p->column + n + rest;
}

static void erase_chars(struct plain *p, size_t n, struct buf *out)
{
	size_t to = p->column + n < p->len ? p->column + n : p->len;

	(void)out;
	blank(p, p->column, to);
}

/* 0: to the end, 1: from the beginning, 2: all. */
static void erase_line(struct plain *p, size_t n, struct buf *out)
{
	(void)out;
	if (n == 0 && p->column < p->len)
		p->len = p->column;
	else if (n == 1)
		blank(p, 0, p->column + 1 < p->len ? p->column + 1 : p->len);
	else if (n == 2)
		p->len = 0;
}

static const struct csi {
	char final;
	unsigned least; /* the parameter where none, or less, was given */
	csi_fn fn;
} sequences[] = {
	{ '@', 1, insert_blanks }, { 'A', 1, cursor_row },    { 'B', 1, cursor_row },
	{ 'C', 1, cursor_right },  { 'D', 1, cursor_left },   { 'E', 1, cursor_row },
	{ 'F', 1, cursor_row },    { 'G', 1, cursor_column }, { 'H', 1, cursor_row },
	{ 'J', 0, erase_line },    { 'K', 0, erase_line },    { 'P', 1, delete_chars },
	{ 'X', 1, erase_chars },   { '`', 1, cursor_column }, { 'd', 1, cursor_row },
	{ 'f', 1, cursor_row },
};

static void csi_final(struct plain *p, uint32_t c, struct buf *out)
{
	if (p->is_private)
		return;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		const struct csi *s = &sequences[i];

		if ((uint32_t)s->final != c)
			continue;
		s->fn(p, p->params[0] > s->least ? p->params[0] : s->least, out);
	}
}

static void csi_digit(struct plain *p, unsigned digit)
{
	unsigned *n = &p->params[p->params_count - 1];

	if (*n < PLAIN_COLUMNS)
		*n = *n * 10 + digit;
}

static void csi_byte(struct plain *p, uint32_t c, struct buf *out)
{
	if (c >= '0' && c <= '9') {
		csi_digit(p, c - '0');
	} else if (c == ';' || c == ':') {
		if (p->params_count < PARAMS_MAX)
			p->params[p->params_count++] = 0;
	} else if (c >= 0x3c && c <= 0x3f) {
		p->is_private = true;
	} else if (c < 0x20) {
		control(p, c, out); /* works within a sequence too */
	} else if (c >= 0x40) {
		p->state = PLAIN_TEXT;
		csi_final(p, c, out);
	}
}

static void begin_csi(struct plain *p)
{
	p->state = PLAIN_CSI;
	memset(p->params, 0, sizeof(p->params));
	p->params_count = 1;
	p->is_private = false;
}

static void escape_byte(struct plain *p, uint32_t c)
{
	if (c == '[')
		begin_csi(p);
	else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
		p->state = PLAIN_STRING;
	else if (c < 0x20 || c > 0x2f) /* intermediates go on */
		p->state = c == 0x1b ? PLAIN_ESCAPE : PLAIN_TEXT;
}

/* --- characters ------------------------------------------------------------------------------- */

static void take(struct plain *p, uint32_t c, struct buf *out)
{
	switch (p->state) {
	case PLAIN_TEXT:
		if (c < 0x20)
			control(p, c, out);
		else if (c != 0x7f && (c < 0x80 || c > 0x9f))
			print(p, c, out);
		break;
	case PLAIN_ESCAPE:
		escape_byte(p, c);
		break;
	case PLAIN_CSI:
		csi_byte(p, c, out);
		break;
	case PLAIN_STRING:
		if (c == 0x07 || c == 0x18 || c == 0x1a)
			p->state = PLAIN_TEXT;
		else if (c == 0x1b)
			p->state = PLAIN_STRING_ESCAPE;
		break;
	case PLAIN_STRING_ESCAPE:
		p->state = PLAIN_TEXT;
		if (c != '\\')
			escape_byte(p, c);
		break;
	}
}

void plain_feed(struct plain *p, const void *data, size_t len, struct buf *out)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		uint32_t c[2];
		int n = utf8_feed(&p->utf8, bytes[i], c);

		for (int k = 0; k < n; k++)
			take(p, c[k], out);
	}
}

void plain_end(struct plain *p, struct buf *out)
{
	if (utf8_pending(&p->utf8))
		take(p, UTF8_REPLACEMENT, out);
	p->utf8 = (struct utf8){ 0 };
	if (p->len > 0)
		finish_line(p, out);
}
