/* Any bytes: no crash. Of those that are a node's record, once written anew: a glance sees the same
 * as who decodes it. */
#include "model/glance.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/resource.h"

#include "proto/resource.pb.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void compare(const pv_Node *node, const struct glance *g)
{
	const char *hostname = node->spec.hostname != NULL ? node->spec.hostname : "";
	struct label_set labels;
	struct label *items;
	struct err err;

	if (label_of_node(node, &items, &labels, &err) != 0)
		return;
	assert(strcmp(g->hostname, hostname) == 0);
	assert(g->labels.count == labels.count);
	for (size_t i = 0; i < labels.count; i++) {
		assert(strcmp(g->labels.items[i].key, items[i].key) == 0);
		assert(strcmp(g->labels.items[i].value, items[i].value) == 0);
	}
	free(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pv_Resource r = pv_Resource_init_zero;
	struct glance g = { 0 };
	struct buf again = { 0 };
	struct err err;

	glance_at_node(&g, data, size, &err);
	if (resource_decode(&r, data, size, &err) == 0) {
		if (r.which_of == pv_Resource_node_tag && resource_encode(&r, &again, &err) == 0) {
			assert(glance_at_node(&g, again.data, again.len, &err) == 0);
			compare(&r.of.node, &g);
		}
		resource_deinit(&r);
	}
	buf_deinit(&again);
	glance_deinit(&g);
	return 0;
}
