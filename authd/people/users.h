/*
 * users - what an administrator does to people: create, invite, reset, unlock.
 */
#ifndef AUTHD_PEOPLE_USERS_H
#define AUTHD_PEOPLE_USERS_H

#include "proto/resource.pb.h"

struct authd;
struct err;

/* Whether each role of a user's record exists. ERR_NOT_FOUND "no such role 'x'". */
int users_check_roles(struct authd *a, const pv_User *user, struct err *err);

#endif
