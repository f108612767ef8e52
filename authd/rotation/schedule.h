/*
 * schedule - moves automatic rotations on when their time comes, and survives restarts: what is due
 * stands in the authorities' records. Of several authd on one keyspace the one that leads does it.
 */
#ifndef AUTHD_ROTATION_SCHEDULE_H
#define AUTHD_ROTATION_SCHEDULE_H

struct authd;
struct err;
struct schedule;

int schedule_open(struct authd *a, struct schedule **out, struct err *err);
void schedule_close(struct schedule *s);

/* The authorities have changed. NULL is ignored. */
void schedule_plan(struct schedule *s);

#endif
