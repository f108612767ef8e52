/*
 * filter - what a list is narrowed by: labels and words, compiled once for a request.
 */
#ifndef AUTHD_RESOURCES_FILTER_H
#define AUTHD_RESOURCES_FILTER_H

#include "base/strlist.h"
#include "model/label.h"
#include "model/resource.h"

#include "proto/auth.pb.h"

#include <stdbool.h>

struct err;
struct label_pattern;

#define FILTER_LABELS_MAX 16
#define FILTER_SEARCH_MAX 256 /* bytes */

/* { 0 } lets everything through. */
struct filter {
	char *keys[FILTER_LABELS_MAX];
	struct label_pattern *patterns[FILTER_LABELS_MAX];
	size_t label_count;
	struct strlist words;
};

/* ERR_INVALID: too many labels or words, or a pattern that does not compile. */
int filter_init(struct filter *f, const pv_ListResourcesRequest *request, struct err *err);
void filter_deinit(struct filter *f);

/* Have the labels all that are wanted? Values may be patterns (model/label_pattern.h). */
bool filter_takes_labels(const struct filter *f, const struct label_set *labels);

/* Do all words occur in the resource's name, description, hostname, addresses or labels,
 * "key=value" included? Case does not count. And has it the labels? */
bool filter_takes(const struct filter *f, pv_Resource *r);

/* False: the stored bytes cannot be of a resource whose words fit. Much cheaper than to decode it.
 */
bool filter_may_take(const struct filter *f, const uint8_t *bytes, size_t len);

#endif
