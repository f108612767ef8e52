/*
 * rule_words - the words that rules may use: every kind of resource that somebody's roles may name,
 * ours or not yet ours, and every verb.
 */
#ifndef MODEL_RULE_WORDS_H
#define MODEL_RULE_WORDS_H

#include <stdbool.h>

bool rule_knows_kind(const char *kind); /* also "*" */
bool rule_knows_verb(const char *verb); /* also "*" */

#endif
