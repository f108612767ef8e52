/*
 * attach - what the helper in the jail (noded/attach) and noded-login say to each other: packets.
 *
 *   helper -> noded-login
 *     hello    env…, command (absent: a login shell), tty (1: a terminal), and the descriptors
 *              0, 1 and 2 that sshd gave it
 *     signal   number       it was sent this signal (a resize is SIGWINCH)
 *   noded-login -> helper
 *     say      text         for its standard error, as it is
 *     end      exit | signal   how the real command ended; the last
 *
 * Whoever finds the other gone has lost the session.
 */
#ifndef NODED_LOGIN_ATTACH_H
#define NODED_LOGIN_ATTACH_H

#define ATTACH_SOCKET "/attach/attach.sock"

#define ATTACH_HELLO  "hello"
#define ATTACH_SIGNAL "signal"
#define ATTACH_SAY    "say"
#define ATTACH_END    "end"

#endif
