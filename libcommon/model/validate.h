/*
 * validate - what makes a resource of each kind valid, and what is filled in: the rows that
 * resource.c's table points to. Envelope and name were checked before.
 */
#ifndef MODEL_VALIDATE_H
#define MODEL_VALIDATE_H

struct err;

int validate_role(void *message, struct err *err);
int validate_user(void *message, struct err *err);
int validate_token(void *message, struct err *err);
int validate_node(void *message, struct err *err);
int validate_cert_authority(void *message, struct err *err);
int validate_lock(void *message, struct err *err);
int validate_session(void *message, struct err *err);

#endif
