/*
 * fields_choice - the words that a field may have: (choices) of proto/options.proto.
 *
 * A list of words separated by blanks, counted from 0; "-" is a number that no word has. Private
 * to fields.
 */
#ifndef WIRE_FIELDS_CHOICE_H
#define WIRE_FIELDS_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct value;

/* Is it one of the words? */
bool fields_choice_has(const char *choices, const char *word);

/* Sets *field (a string of a message) to the word that a value stands for: itself, its number, or
 * its sense as a bool where that is one of the words. ERR_INVALID with a suggestion. */
int fields_choice_set(const char *choices, const struct value *v, char **field, struct err *err);

/* ERR_INVALID "'nod' is unknown, did you mean node?" */
int fields_choice_refuse(const char *choices, const char *word, struct err *err);

#endif
