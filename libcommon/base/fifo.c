#include "base/fifo.h"

#include "base/err.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MIN 512u
#define PIECE_MAX (16u * 1024)

struct piece {
	struct list link;
	size_t from; /* the first byte that waits */
	size_t to;   /* behind the last one */
	size_t size;
	uint8_t data[];
};

void fifo_init(struct fifo *f)
{
	list_init(&f->pieces);
	f->len = 0;
}

static struct piece *first(const struct fifo *f)
{
	return container_of(f->pieces.next, struct piece, link);
}

static struct piece *last(const struct fifo *f)
{
	return container_of(f->pieces.prev, struct piece, link);
}

static void drop(struct piece *p)
{
	list_remove(&p->link);
	explicit_bzero(p->data, p->to);
	free(p);
}

void fifo_wipe(struct fifo *f)
{
	while (!list_empty(&f->pieces))
		drop(first(f));
	f->len = 0;
}

static size_t size_for(size_t len)
{
	return len < PIECE_MIN ? PIECE_MIN : len < PIECE_MAX ? len : PIECE_MAX;
}

/* Room behind the last byte. */
static size_t room(const struct fifo *f)
{
	return list_empty(&f->pieces) ? 0 : last(f)->size - last(f)->to;
}

/* Empty pieces for `len` bytes more; all or none. */
static int add_pieces(struct list *out, size_t len)
{
	while (len > 0) {
		size_t size = size_for(len);
		struct piece *p = malloc(sizeof(*p) + size);

		if (p == NULL) {
			while (!list_empty(out))
				drop(container_of(out->next, struct piece, link));
			return ERR_NOMEM;
		}
		p->from = p->to = 0;
		p->size = size;
		list_append(out, &p->link);
		len -= len < size ? len : size;
	}
	return 0;
}

static size_t fill(struct piece *p, const uint8_t *data, size_t len)
{
	size_t n = p->size - p->to < len ? p->size - p->to : len;

	memcpy(p->data + p->to, data, n);
	p->to += n;
	return n;
}

int fifo_append(struct fifo *f, const void *data, size_t len, struct err *err)
{
	const uint8_t *at = data;
	struct list fresh;
	size_t fits = room(f) < len ? room(f) : len, n;

	list_init(&fresh);
	if (add_pieces(&fresh, len - fits) != 0)
		return err_set_nomem(err);
	f->len += len;
	if (fits > 0)
		fill(last(f), at, fits);
	at += fits;
	len -= fits;
	while (len > 0) {
		struct piece *p = container_of(fresh.next, struct piece, link);

		list_remove(&p->link);
		list_append(&f->pieces, &p->link);
		n = fill(p, at, len);
		at += n;
		len -= n;
	}
	return 0;
}

size_t fifo_take(struct fifo *f, void *dst, size_t size)
{
	size_t done = 0;

	while (done < size && f->len > 0) {
		struct piece *p = first(f);
		size_t n = p->to - p->from < size - done ? p->to - p->from : size - done;

		memcpy((uint8_t *)dst + done, p->data + p->from, n);
		p->from += n;
		f->len -= n;
		done += n;
		if (p->from == p->to)
			drop(p);
	}
	return done;
}
