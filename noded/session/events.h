/*
 * events - how noded learns of a session's end although any program may die, itself included.
 *
 * Each session that noded allowed leaves one file in the events folder
 * (/var/lib/postern/noded/events unless configured), named <sid>.end and put there by rename, so
 * that it is whole when it is seen. noded-login writes it, or noded-session if that one was
 * killed. noded watches the folder (inotify: moved to), reads it at start, and removes each file
 * once its audit events are safe. Names that begin with a dot are not finished.
 *
 * Only where both were killed, or noded-login of a session without supervisor, there is none:
 * then noded learns by session_ended, or by a `list` that lacks the session, and says itself
 * that the session ended for an unknown reason.
 *
 * The file is one packet (ipc/packet.h):
 *   end   sid conn login user kind command tty   as in the question and its answer
 *         started ended   milliseconds since 1970
 *         exit            code of the command; -1 when it did not end by itself
 *         signal          number of the signal that it died by, or 0
 *         reason          why it was ended or could not start, if so; for people
 *         sent received   bytes to and from the client; 0 where they did not pass through us
 *         spool           as in the answer
 */
#ifndef NODED_SESSION_EVENTS_H
#define NODED_SESSION_EVENTS_H

#define EVENT_END        "end"
#define EVENT_END_SUFFIX ".end"

#endif
