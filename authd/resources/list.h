/*
 * list - pages of resources: what the caller may see, by labels and words, in the order of keys.
 */
#ifndef AUTHD_RESOURCES_LIST_H
#define AUTHD_RESOURCES_LIST_H

#include "model/label.h"
#include "model/resource.h"

#include "proto/auth.pb.h"

#include <stdbool.h>

/* Do all words of `search` (separated by blanks) occur in the resource's name, description,
 * hostname, addresses or labels? Case does not count. Pure. */
bool list_matches_search(pv_Resource *r, const char *search);

#define LIST_LABELS_MAX 16
#define LIST_SEARCH_MAX 256 /* bytes */

/* Whether a request's filters are few and short enough to be tried on everything. ERR_INVALID. */
int list_check_filters(const pv_ListResourcesRequest *request, struct err *err);

/* Does the resource have all these labels? Values may have patterns (model/label.h). */
bool list_matches_labels(pv_Resource *r, const pv_ListResourcesRequest_LabelsEntry *labels,
                         size_t count);

#endif
