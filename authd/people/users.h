/*
 * users - what an administrator does to people: create, invite, reset, unlock.
 */
#ifndef AUTHD_PEOPLE_USERS_H
#define AUTHD_PEOPLE_USERS_H

struct authd;
struct err;

/* ERR_NOT_FOUND "no such role 'x'". */
int users_check_role(struct authd *a, const char *role, struct err *err);

#endif
