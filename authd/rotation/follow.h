/*
 * follow - what authd itself does when an authority has changed, whichever authd changed it: signs
 * with, shows and believes what the new phase wants, and ends the connections of those whose
 * certificates count no more. Sessions and streams that go elsewhere are not its business.
 */
#ifndef AUTHD_ROTATION_FOLLOW_H
#define AUTHD_ROTATION_FOLLOW_H

struct authd;
struct err;
struct follow;

/* Watches the authorities in the keyspace. */
int follow_open(struct authd *a, struct follow **out, struct err *err);
void follow_close(struct follow *f);

/* Does it at once, for who changed them and answers next. Harmless when nothing has changed. */
void follow_authorities(struct authd *a);

#endif
