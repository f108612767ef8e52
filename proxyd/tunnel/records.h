/*
 * records - keeps authd told which agents have a tunnel here: tunnel_connection records, by which
 * everybody finds the proxy that leads to an agent.
 *
 *   changed --a moment, to gather--> reported, up to 500 at once --fails: again later
 *   all that are there: again every RECORDS_EVERY_MS; silence of RECORDS_TTL_MS ends them
 */
#ifndef PROXYD_TUNNEL_RECORDS_H
#define PROXYD_TUNNEL_RECORDS_H

#include <stdbool.h>

struct err;
struct proxyd;
struct records;

#define RECORDS_TTL_MS   (15 * 60 * 1000)
#define RECORDS_EVERY_MS (5 * 60 * 1000)

int records_open(struct proxyd *p, struct records **out, struct err *err);

/* What was reported stays as it is, for a successor of ours. NULL allowed. */
void records_close(struct records *r);

/* The agent of that cluster is here, or is not any more. r may be NULL. */
void records_set(struct records *r, const char *agent_id, const char *cluster, bool here);

#endif
