/*
 * dial_answer - the answer to a request for raw bytes.
 */
#ifndef PROXYD_DIAL_ANSWER_H
#define PROXYD_DIAL_ANSWER_H

#include "proto/dial.pb.h"

struct err;
struct proxyd;
struct stream;

#define DIAL_ANSWER_MAX 65536 /* bytes of the message */

/* Writes u32 length and the message: 0, or why it was refused (NULL: it was not). `response` may
 * hold candidates; code, message and time are put in here. ERR_LIMIT, ERR_NOMEM. */
int dial_answer(const struct proxyd *p, struct stream *s, const pv_DialResponse *response,
                const struct err *why, struct err *err);

/* Says why not, and closes. */
void dial_answer_refuse(const struct proxyd *p, struct stream *s, const pv_DialResponse *response,
                        const struct err *why);

#endif
