/*
 * fields_secrets - the secret fields of a message apart from the others.
 *
 * A record is stored twice when it has secrets: whole where secrets lie, and without them where
 * everybody reads. Lists of messages have no secrets of their own that could be kept: what was the
 * first yesterday may be another today.
 */
#ifndef WIRE_FIELDS_SECRETS_H
#define WIRE_FIELDS_SECRETS_H

#include "wire/fields.h"

/* Some secret is set. */
bool fields_has_secrets(const struct fields_table *t, const void *msg);

/* Both say the same secrets, or none. */
bool fields_same_secrets(const struct fields_table *t, const void *a, const void *b);

/* Wipes and unsets them all. */
void fields_drop_secrets(const struct fields_table *t, void *msg);

/* Secrets that are not set are copied from an older version of the message, so that who writes
 * back what was shown without them does not lose them. */
int fields_keep_secrets(const struct fields_table *t, const void *old, void *msg, struct err *err);

#endif
