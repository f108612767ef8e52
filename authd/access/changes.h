/*
 * changes - what authd itself watches in its keyspace: roles, locks and users, so that a change
 * reaches connections that are open.
 *
 * A lock that comes in force, or a user who is removed, ends the connections concerned; a changed
 * role makes the roles of every caller who has it be looked up anew at the next call.
 */
#ifndef AUTHD_ACCESS_CHANGES_H
#define AUTHD_ACCESS_CHANGES_H

#include <stddef.h>
#include <stdint.h>

struct authd;
struct changes;
struct err;

int changes_open(struct authd *a, struct changes **out, struct err *err);
void changes_close(struct changes *c);

/* Another number after every change of one of these roles. */
uintptr_t changes_roles_generation(const struct changes *c, char *const *roles, size_t count);

/* Ends the connections of a host whose record was removed. */
void changes_host_removed(struct changes *c, const char *host_id);

#endif
