/*
 * label - key=value pairs on a resource, and the selectors of roles that choose by them.
 *
 * A selector maps keys to lists of patterns. Every key must be on the resource, with a
 * value that one of the key's patterns matches; the selector {'*': '*'} matches anything,
 * an empty one nothing. What a pattern is stands in model/label_pattern.h.
 */
#ifndef MODEL_LABEL_H
#define MODEL_LABEL_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

struct label {
	const char *key;
	const char *value;
};

/* A borrowed view of some labels; a later one with the same key hides the earlier. */
struct label_set {
	const struct label *items;
	size_t count;
};

/* The value of a key; NULL: not there. */
const char *label_get(const struct label_set *set, const char *key);

/* The labels that a node has: its static ones, then the results of its command labels.
 * free() *out_items; the strings stay the node's. ERR_NOMEM. */
int label_of_node(const pv_Node *node, struct label **out_items, struct label_set *out_set,
                  struct err *err);

/* A compiled selector, for matching many times. */
struct label_selector;

/* Compiles a selector; ERR_INVALID when a pattern does not compile. The entries are copied. */
int label_selector_new(struct label_selector **out,
                       const pv_RoleConditions_NodeLabelsEntry *entries, size_t count,
                       struct err *err);
void label_selector_free(struct label_selector *s);

/*
 * Does the selector choose a resource with these labels? *out_key (may be NULL) says by which key
 * it was settled, NULL for one that is empty or matches anything; borrowed from the selector.
 */
int label_selector_match(const struct label_selector *s, const struct label_set *labels,
                         bool *out_match, const char **out_key, struct err *err);

#endif
