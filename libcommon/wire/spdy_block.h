/*
 * spdy_block - header blocks of SPDY/3: names and values, compressed by zlib with all blocks of
 * one direction as one stream.
 *
 *   block = u32 count, count x { u32 length, name, u32 length, value }
 *
 * What a block says is bounded after inflation, so a small frame cannot become much. A block that
 * cannot be read ends the session: the stream of the following ones is lost with it.
 */
#ifndef WIRE_SPDY_BLOCK_H
#define WIRE_SPDY_BLOCK_H

#include "base/buf.h"

#include <stddef.h>

struct err;

#define SPDY_BLOCK_MAX   16384u /* bytes of one block, inflated */
#define SPDY_HEADERS_MAX 64     /* in one block */

struct spdy_header {
	const char *name;  /* lower case */
	const char *value; /* several of one name are joined by commas */
};

struct spdy_headers {
	struct spdy_header list[SPDY_HEADERS_MAX];
	size_t count;
	struct buf text; /* where they lie */
};

/* { 0 } is a valid empty one. */
void spdy_headers_deinit(struct spdy_headers *h);

/* NULL: no such header. The name in lower case. */
const char *spdy_headers_get(const struct spdy_headers *h, const char *name);

/* The two ends of a direction. NULL when memory runs out. */
struct spdy_packer;
struct spdy_packer *spdy_packer_new(void);
void spdy_packer_free(struct spdy_packer *p);

struct spdy_unpacker;
struct spdy_unpacker *spdy_unpacker_new(void);
void spdy_unpacker_free(struct spdy_unpacker *u);

/* Appends the compressed block to `out`; names are put in lower case. ERR_INVALID: control
 * characters; ERR_LIMIT; ERR_NOMEM. */
int spdy_pack(struct spdy_packer *p, const struct spdy_header *list, size_t count, struct buf *out,
              struct err *err);

/* Reads one whole block; `out` keeps its memory from block to block. ERR_INVALID, ERR_LIMIT,
 * ERR_NOMEM: all final. */
int spdy_unpack(struct spdy_unpacker *u, const void *data, size_t len, struct spdy_headers *out,
                struct err *err);

#endif
