/*
 * pulse - measures, on two connections of an administrator, how long a change takes to reach a
 * watch: puts a user every so often, and notes when the watch tells of it.
 *
 * While the server is away nothing is measured; what reached it and was answered counts.
 */
#ifndef SIMULATOR_PULSE_H
#define SIMULATOR_PULSE_H

#include <uv.h>

struct err;
struct pulse;
struct rpc_client;

int pulse_open(uv_loop_t *loop, struct rpc_client *put_by, struct rpc_client *watch_by,
               unsigned every_ms, struct pulse **out, struct err *err);
void pulse_close(struct pulse *p);

/* Of what was measured since the last call: how many, and the share (0 to 1) in ms. */
size_t pulse_take(struct pulse *p, double *out_median, double *out_p99, double *out_last);

#endif
