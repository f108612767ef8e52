/*
 * settings - what the cluster's settings mean for this node, as the cache has them now. Before the
 * first of them has come, their defaults hold.
 */
#ifndef NODED_SETTINGS_H
#define NODED_SETTINGS_H

#include "model/role_option.h"

#include <stdbool.h>

struct noded;
struct role_set;

/* The limits of somebody's roles with the cluster's own. */
struct role_options settings_limits(const struct noded *n, const struct role_set *roles);

/* session_recording_config: what is recorded where, as it stands there ("node", "off"). */
const char *settings_recording_mode(const struct noded *n);
bool settings_records(const struct noded *n);
bool settings_records_strictly(const struct noded *n); /* no session goes on without */

/* cluster_networking_config: what who is idle for too long is told; NULL: the usual. */
const char *settings_idle_message(const struct noded *n);

/* How often sshd asks a client that is silent for a sign of life, in seconds (0: never), and how
 * many times in vain. */
void settings_keep_alive(const struct noded *n, int *out_interval, int *out_count);

#endif
