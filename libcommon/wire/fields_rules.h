/*
 * fields_rules - what the tables say about values: (initial), (choices) and (effect) of
 * proto/options.proto, for messages of any kind. Nothing of it is written by hand per field.
 */
#ifndef WIRE_FIELDS_RULES_H
#define WIRE_FIELDS_RULES_H

#include "wire/fields.h"

/* Fills in what stands for absent fields, also within sub-messages, which become present for it. */
int fields_fill(const struct fields_table *t, void *msg, struct err *err);

/* What text was checked for when it was parsed, of a message that came as bytes: words that are
 * no choice, JSON that is none. ERR_INVALID "spec.mode: 'nod' is unknown, did you mean node?" */
int fields_check(const struct fields_table *t, const void *msg, struct err *err);

/* A field says something that has not the effect it asks for. `effect` is FIELDS_WITHOUT_EFFECT or
 * FIELDS_NOT_ENFORCED. Anything but 0 ends the walk. */
typedef int (*fields_effect_fn)(void *arg, const char *path, enum fields_effect effect);

/* Walks all such fields; returns 0 or what fn returned. */
int fields_effects(const struct fields_table *t, const void *msg, fields_effect_fn fn, void *arg);

#endif
