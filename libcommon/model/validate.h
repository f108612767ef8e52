/*
 * validate - what makes a resource of each kind valid beyond what the tables of its fields say
 * (wire/fields_rules.h): the rows that resource_kind.c's table points to. Envelope, name, version,
 * words and what is left out were looked at before.
 *
 *   validate.c  people, tokens, locks        validate_role.c       roles
 *   validate_host.c  what daemons write      validate_cluster.c    settings, other clusters
 *                                            validate_connector.c  connectors, requests
 */
#ifndef MODEL_VALIDATE_H
#define MODEL_VALIDATE_H

#include "proto/connector.pb.h"

#include <stddef.h>

struct err;

int validate_role(void *message, struct err *err);
int validate_user(void *message, struct err *err);
int validate_token(void *message, struct err *err);
int validate_lock(void *message, struct err *err);
int validate_node(void *message, struct err *err);
int validate_kube_server(void *message, struct err *err);
int validate_cert_authority(void *message, struct err *err);
int validate_session(void *message, struct err *err);
int validate_auth_preference(void *message, struct err *err);
int validate_networking(void *message, struct err *err);
int validate_cluster_name(void *message, struct err *err);
int validate_trusted_cluster(void *message, struct err *err);
int validate_reverse_tunnel(void *message, struct err *err);
int validate_tunnel_connection(void *message, struct err *err);
int validate_github(void *message, struct err *err);
int validate_oidc(void *message, struct err *err);
int validate_access_request(void *message, struct err *err);

/* ERR_INVALID "FIELD[1]: ...": a claim without a value, a pattern or roles. */
int validate_claims(const char *field, const pv_ClaimRoles *claims, size_t count, struct err *err);

/* A pattern as labels have it, or a template that is one once it is filled in. ERR_INVALID. */
int validate_pattern(const char *text, struct err *err);

/* All are names (resource_check_name). ERR_INVALID "spec.roles[1]: ..." */
int validate_names(const char *field, char *const *names, size_t count, struct err *err);

#endif
