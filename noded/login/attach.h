/*
 * attach - what the helper in the jail (noded/attach) and noded-login say to each other: packets.
 *
 *   helper -> noded-login
 *     hello    env…, command (absent: a login shell), tty (1: a terminal), and the descriptors
 *              0, 1 and 2 that sshd gave it
 *     signal   number       it was sent this signal (a resize is SIGWINCH)
 *   noded-root -> helper
 *     refused               it is none of ours; the last
 *   noded-login -> helper
 *     begun                 noded has allowed it; from here on there may be a session
 *     say      text         for its standard error, as it is
 *     end      exit | signal   how the real command ended; the last
 *
 * Whoever finds the other gone has lost the session. A helper that has heard nothing yet has none:
 * noded-root or the process that sessions are forked from was killed, and it comes again.
 */
#ifndef NODED_LOGIN_ATTACH_H
#define NODED_LOGIN_ATTACH_H

#define ATTACH_SOCKET      "/attach/attach.sock"
#define ATTACH_PATIENCE_MS 3000

#define ATTACH_HELLO   "hello"
#define ATTACH_SIGNAL  "signal"
#define ATTACH_REFUSED "refused"
#define ATTACH_BEGUN   "begun"
#define ATTACH_SAY     "say"
#define ATTACH_END     "end"

#endif
