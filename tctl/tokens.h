/*
 * tokens - make a join token: what `tokens add` and `nodes add` share.
 */
#ifndef TCTL_TOKENS_H
#define TCTL_TOKENS_H

#include "proto/auth.pb.h"

#include <stdio.h>

struct err;
struct tctl;

/* Calls authd and prints the answer: as text by `print`, else in --format. */
int tokens_create(struct tctl *t, const pv_CreateTokenRequest *request,
                  void (*print)(FILE *to, const pv_CreateTokenResponse *token), struct err *err);

#endif
