/*
 * link - what noded-login, which is root and knows the shell, and noded-session, which is neither
 * and knows the stream, say to each other: packets on a socket pair, noded-session's descriptor 0.
 *
 *   noded-login -> noded-session
 *     start    conn login user sid kind command tty term columns rows spool record_failure
 *              cluster node_id node_name client idle_ms idle_message, and the descriptors
 *                 with tty:  the terminal of sshd, the master side of the shell's
 *                 without:   stdout and stderr of sshd, the reading ends of the command's
 *     resize   columns rows         the user's terminal has another size
 *     notice   text                 a line for everybody who watches
 *     finish   exit signal reason   the command has ended (events.h): pass on what it left
 *                                   behind, end the recording
 *   noded-session -> noded-login
 *     ready                  the recording is open, if there is one; the shell may start
 *     failed   reason        it is not; the session must not begin
 *     end      reason        the session is to end: idle, or it cannot be recorded
 *     hangup                 the user's terminal is gone
 *     drained  sent received everything is passed on (or nobody takes it any more)
 *
 * If noded-login dies, noded-session ends the session and the recording, and writes the event.
 * If noded-session dies, noded-login ends the session; noded completes the recording.
 */
#ifndef NODED_SESSION_LINK_H
#define NODED_SESSION_LINK_H

#define LINK_START   "start"
#define LINK_RESIZE  "resize"
#define LINK_NOTICE  "notice"
#define LINK_FINISH  "finish"
#define LINK_READY   "ready"
#define LINK_FAILED  "failed"
#define LINK_END     "end"
#define LINK_HANGUP  "hangup"
#define LINK_DRAINED "drained"

/* How long the user's side may take to accept what the command left behind. */
#define LINK_DRAIN_MS 10000

#endif
