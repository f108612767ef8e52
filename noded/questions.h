/*
 * questions - noded's policy socket (noded/root/questions.h): may this certificate log in, may this
 * channel open. Anything that is not a clear yes is a no.
 */
#ifndef NODED_QUESTIONS_H
#define NODED_QUESTIONS_H

struct err;
struct noded;
struct questions;

int questions_open(struct noded *n, struct questions **out, struct err *err);
void questions_close(struct questions *q);

#endif
