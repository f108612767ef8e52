/*
 * tables - the columns by which each kind of resource is listed.
 */
#ifndef TCTL_TABLES_H
#define TCTL_TABLES_H

#include "model/listing.h"

/* The table of a kind ("node"); of all kinds, mixed, for NULL. */
const struct listing_table *table_of(const char *kind);

#endif
