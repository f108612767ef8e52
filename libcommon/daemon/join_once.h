/*
 * join_once - what every host's main() does before it serves: its names, and joining the cluster
 * at its first start.
 */
#ifndef DAEMON_JOIN_ONCE_H
#define DAEMON_JOIN_ONCE_H

#include "base/strlist.h"

struct conf_list;
struct err;
struct host;

/* Sets *hostname (malloc'ed) to the machine's unless it is set. */
int default_hostname(char **hostname, struct err *err);

/* The names and addresses that certificates should hold: the hosts of "host:port" addresses,
 * without the hostname itself. */
int names_of_host(const char *hostname, const struct conf_list *addrs, struct strlist *out,
                  struct err *err);

/* Joins with the token in the file and the pin. ERR_INVALID says which setting is missing and how
 * to get the token. */
int join_once(struct host *h, const char *token_file, const char *ca_pin, struct err *err);

#endif
