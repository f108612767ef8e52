/*
 * route - which node a user means by a name, among those that the user's roles let see.
 *
 * In this order, the first that finds any node decides: its UUID; its hostname (any case, with
 * or without ".<cluster>"); its address; a label, "env=prod". Nodes that the roles do not show
 * do not exist here, so that guessing names tells nothing.
 */
#ifndef PROXYD_ROUTE_H
#define PROXYD_ROUTE_H

#include "proto/dial.pb.h"
#include "proto/resource.pb.h"

#include <stdbool.h>

struct cache;
struct err;
struct role_set;

struct route_query {
	const char *target;
	const char *cluster; /* ours */
	const struct role_set *roles;
	bool joins; /* a live session there: who may join any gets as far as its node, by its UUID
	             */
};

#define ROUTE_CANDIDATES_MAX 20

/*
 * *out_node is borrowed from the cache. ERR_NOT_FOUND; ERR_CONFLICT when several nodes answer to
 * the name: then out_response lists up to ROUTE_CANDIDATES_MAX of them.
 */
int route_find(const struct cache *cache, const struct route_query *q, const pv_Node **out_node,
               pv_DialResponse *out_response, struct err *err);

#endif
