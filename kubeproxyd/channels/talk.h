/*
 * talk - one exec, attach or portforward: from the client's upgrade to the end of both connections.
 *
 *   ASKING (the API server) --refused--> its answer, as it is --> gone
 *        |                   \--fails---> a Status ------------> gone
 *        '--accepted--> JOINED (a bridge) --> gone
 *
 * The client hears of its upgrade only when the API server has agreed to ours, so that what is
 * wrong with the request reaches it as the API server said it. A guard may end it at any time.
 */
#ifndef KUBEPROXYD_CHANNELS_TALK_H
#define KUBEPROXYD_CHANNELS_TALK_H

struct err;
struct guest;
struct http1_message;
struct kubeproxyd;
struct stream;
struct talks;

/* What all share. */
int talks_open(struct kubeproxyd *k, struct talks **out, struct err *err);

/* Ends all that are open; the loop runs until they have closed. NULL allowed. */
void talks_close(struct talks *all);

/*
 * Begins one. The guest says who it is, as whom in Kubernetes, with which limits, and what is asked
 * for; it is kept as guest_ref(). `head` is the client's request head (method, target as sent,
 * headers), borrowed until return; behind it the stream holds whatever has come already. Legal from
 * within the stream's on_data.
 *
 * On success the stream is taken: it is attached already. On failure it is untouched, and the
 * caller answers with a Status.
 */
int talk_start(struct guest *guest, const struct http1_message *head, struct stream *take_client,
               struct err *err);

#endif
