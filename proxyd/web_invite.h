/*
 * web_invite - the page behind an invite's URL: says whose it is and takes the password. Plain
 * HTML, no script; only the form's POST consumes the invite.
 */
#ifndef PROXYD_WEB_INVITE_H
#define PROXYD_WEB_INVITE_H

#include <stdbool.h>

struct http1_message;
struct web_request;

#define WEB_INVITE_PATH "/web/invite"

/* Serves the request if its path is one of these pages; false: it is another's. */
bool web_invite_serve(struct web_request *r, const struct http1_message *m);

#endif
