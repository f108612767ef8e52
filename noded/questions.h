/*
 * questions - noded's policy socket (noded/root/questions.h): may this certificate log in, may this
 * channel open. Anything that is not a clear yes is a no.
 */
#ifndef NODED_QUESTIONS_H
#define NODED_QUESTIONS_H

#include <stdbool.h>

struct err;
struct noded;
struct questions;

#define QUESTION_LATER (-1) /* no error code: of an answer that waits for questions_settled() */

int questions_open(struct noded *n, struct questions **out, struct err *err);
void questions_close(struct questions *q);

/* What questions about this connection waited for is known: they are answered now. Whether there
 * were any. */
bool questions_settled(struct questions *q, const char *conn);

#endif
