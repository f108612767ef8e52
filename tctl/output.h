/*
 * output - what commands print besides listings.
 */
#ifndef TCTL_OUTPUT_H
#define TCTL_OUTPUT_H

#include "model/listing.h"

#include "proto/auth.pb.h"

struct err;
struct fields_table;
struct tctl;

/* All resources of a kind that the query finds, in --format (text unless given). */
int output_list(struct tctl *t, pv_ListResourcesRequest *query, struct err *err);

/* A message as JSON or YAML, secrets included: they are what was asked for. */
int output_message(FILE *to, enum listing_format format, const struct fields_table *table,
                   const void *msg, struct err *err);

/* The sentences around an invite, and around a new token, as text. */
void output_invite(FILE *to, const char *event, const pv_Invite *invite);
void output_token(FILE *to, const pv_CreateTokenResponse *token);

/* The commands that make a machine a node, to be pasted into a shell there. */
void output_join(FILE *to, const pv_CreateTokenResponse *token);

#endif
