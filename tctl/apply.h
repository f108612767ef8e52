/*
 * apply - puts resources, all of them or none, unless they are more than one write of authd's
 * holds: then that is said first, and they are put in parts of which that holds.
 */
#ifndef TCTL_APPLY_H
#define TCTL_APPLY_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct resource_file;
struct tctl;

struct apply {
	bool replace;
	bool accept_unenforced;
};

/* Prints a line for each resource that was put. */
int apply_resources(struct tctl *t, const pv_Resource *items, size_t count, const struct apply *how,
                    struct err *err);

/* Tells on standard error what of a file has no effect. */
void apply_print_notes(const struct resource_file *file);

#endif
