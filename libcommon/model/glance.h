/*
 * glance - what decides whether a node is to be seen, read from its stored bytes without decoding
 * the rest: hostname and labels. For walks over thousands, of which few are wanted.
 *
 *   struct glance g = { 0 };
 *   for (…)
 *           if (glance_at_node(&g, bytes, len, &err) == 0 && is_wanted(g.hostname, &g.labels)) …
 *   glance_deinit(&g);
 *
 * Its memory is used again at the next glance.
 */
#ifndef MODEL_GLANCE_H
#define MODEL_GLANCE_H

#include "model/label.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct glance {
	const char *hostname;    /* "" when there is none */
	struct label_set labels; /* as label_of_node() has them */
	struct label *items;     /* behind it */
	size_t items_room;
	char *text;
	size_t text_used;
	size_t text_room;
	bool no_memory; /* why the last glance failed */
};

/* `bytes`: a pv_Resource that holds a node or a proxy. ERR_CORRUPT, ERR_NOMEM. */
int glance_at_node(struct glance *g, const uint8_t *bytes, size_t len, struct err *err);

void glance_deinit(struct glance *g);

#endif
