/*
 * requests - what noded may ask of noded-root, and what it is told unasked.
 *
 * noded-root listens on <run_dir>/control.sock (SOCK_SEQPACKET, 0600, owner postern-node) and
 * asks the kernel who calls. noded holds one connection open; messages are packets (ipc/packet.h).
 * A request carries "seq", any number, and its answer carries the same one:
 *
 *   ok      seq …            done
 *   error   seq message      refused or failed; the message is for a log
 *
 * | request        | fields                     | descriptors     | answer beyond seq
 * | start_sshd     | id client alive_interval   | connection, log | ok: pid
 * |                | alive_count                |                 |
 * | end_connection | id                         |                 | ok (ending has begun)
 * | end_session    | id reason                  |                 | ok (ending has begun)
 * | list           |                            |                 | connection… session… ok
 *
 * start_sshd: `id` names the connection from now on ([A-Za-z0-9-], at most 64; noded makes it
 *   up, a UUID say). `client` is its address as text, "192.0.2.7 51234" (for SSH_CONNECTION and
 *   the lists). `alive_interval` (s, 0: never) and `alive_count` say how sshd finds out that a
 *   client is gone (ClientAliveInterval, ClientAliveCountMax). The first descriptor is the
 * connection, positioned before the client's "SSH-" (a TCP socket, or one end of a socketpair;
 * noded may keep a dup to shut it down or to read TCP_INFO from, but may not read). The second is
 * where sshd logs (sshd -e, LogLevel INFO). Let it be a named FIFO of noded's, opened O_RDWR: then
 * sshd never sees a broken pipe, and a noded that starts anew opens it again and reads on.
 * "Accepted publickey for LOGIN" on it is the moment at which the last certificate that noded
 * allowed has been proven. end_connection: sshd and the sessions of that connection are told to
 * end, and killed if they do not. To show users a reason, end_session first. end_session: shows
 * `reason` to the user (terminal, or standard error), hangs the session up, kills what is left
 * after two seconds. list: what lives, also across restarts of both programs: connection  seq id
 * client login pid started     no login until somebody asked to log in session     seq id conn
 * login pid started       id: its sid; pid: of its noded-login
 *
 * A session whose noded-login was killed takes its connection with it.
 *
 * Unasked, without seq: `connection_ended id` and `session_ended id`. After a restart of
 * noded, whatever it knew and `list` does not show has ended. How a session ended is written
 * on disk, see session/events.h.
 *
 * Processes of root (noded-principals, noded-login) may send only:
 * | prepare        | id login                   |                 | ok: the jail for `login` stands
 * | opened         | id conn login              |                 | ok: the caller is that session
 *
 * sshd reads these files, which noded writes (by rename; the next connection sees them). Paths
 * are noded-root's configuration, by default in /var/lib/postern/noded:
 *   ssh_host_ecdsa_key (0600), ssh_host_ecdsa_key-cert.pub, user_ca.pub (one CA key a line, as in
 *   authorized_keys), revoked_keys (KRL or one key a line; may be empty but must be there: sshd
 *   refuses every key when it cannot read it).
 */
#ifndef NODED_ROOT_REQUESTS_H
#define NODED_ROOT_REQUESTS_H

#define REQUEST_START_SSHD       "start_sshd"
#define REQUEST_END_CONNECTION   "end_connection"
#define REQUEST_END_SESSION      "end_session"
#define REQUEST_LIST             "list"
#define REQUEST_PREPARE          "prepare"
#define REQUEST_OPENED           "opened"
#define REQUEST_OK               "ok"
#define REQUEST_ERROR            "error"
#define REQUEST_CONNECTION       "connection"
#define REQUEST_SESSION          "session"
#define REQUEST_CONNECTION_ENDED "connection_ended"
#define REQUEST_SESSION_ENDED    "session_ended"

/* <run_dir>: /run/postern/noded-root unless configured. */
#define REQUEST_SOCKET "control.sock"

#define REQUEST_ID_MAX     64 /* connection and session ids */
#define REQUEST_CLIENT_MAX 80

#endif
