/*
 * questions - what the privileged programs ask noded, on its policy socket.
 *
 * noded listens on <policy socket> (SOCK_SEQPACKET, 0600, owner postern-node) and answers only
 * peers of user id 0 (SO_PEERCRED). One question per connection, one answer, both packets
 * (ipc/packet.h). Who asks waits ten seconds, and three for a noded that is being restarted; no
 * answer, or one that is not understood, is a no.
 *
 * principals - may this certificate log in? Asked by noded-principals for sshd, twice per login,
 *   before the client has proven the key: treat the answer as "may", see requests.h.
 *     conn          id of the connection, from start_sshd
 *     login         the Unix account asked for
 *     certificate   the SSH certificate, base64 of its wire form (sshd's %k)
 *     key_id        sshd's %i
 *     serial        sshd's %s
 *     ca            fingerprint of the CA key, "SHA256:…" (sshd's %F)
 *   allow  line     what sshd is told: options, one space, a principal that the certificate
 *                   holds. E.g. "restrict,pty,port-forwarding,agent-forwarding bob"; "-L yes,
 *                   -R no" is `permitlisten="127.0.0.1:1"`; also permitopen="host:port"
 *   deny   reason   for the log; sshd tells the client nothing
 *
 * session - may this channel open? Asked by noded-login for each shell, command and subsystem of
 *   a connection, after sshd has authenticated it and the peer has been proven to be its helper.
 *     conn login
 *     kind          shell | exec | sftp
 *     command       exec only
 *     tty           1: has a terminal (then also: term columns rows)
 *   allow  sid      a new UUID
 *          user     whose certificate it is
 *          env      "NAME=value", any number: POSTERN_USER, POSTERN_SESSION_ID, POSTERN_CLUSTER,
 *                   SSH_CONNECTION, SSH_CLIENT … These win over all others; what ssh itself
 *                   sets is there already (SSH_TTY, TERM, LANG, LC_*, SSH_AUTH_SOCK)
 *          spool    folder for the recording: <sid>.rec appears there (record/recorder.h).
 *                   Absent: not recorded. With tty: the terminal. Without: stdout and stderr,
 *                   which then pass through the supervisor instead of going straight to sshd
 *          record_failure   end (absent: end): the session ends when its recording cannot be
 *                   written | continue: goes on unrecorded, the recording says nothing more
 *          cluster node_id node_name client   for the start frame of the recording
 *          idle_ms  with tty: the session ends after that long without input; 0 or absent: never;
 *                   idle_message is what it says then. noded may change both (noded/limits.h).
 *                   Without, noded sees by the connection's TCP_INFO who is idle
 *   deny   reason   one line, shown to the user
 *
 * After an allow an end comes to lie on disk sooner or later: session/events.h.
 */
#ifndef NODED_ROOT_QUESTIONS_H
#define NODED_ROOT_QUESTIONS_H

#define QUESTION_PRINCIPALS "principals"
#define QUESTION_SESSION    "session"
#define QUESTION_ALLOW      "allow"
#define QUESTION_DENY       "deny"

#define QUESTION_TIMEOUT_MS  10000
#define QUESTION_PATIENCE_MS 3000

#endif
