/*
 * channel - exec, attach and portforward: a request that becomes a channel of its own.
 */
#ifndef KUBEPROXYD_CHANNELS_CHANNEL_H
#define KUBEPROXYD_CHANNELS_CHANNEL_H

struct err;
struct guest;
struct http1_message;
struct kubeproxyd;
struct stream;

/*
 * Begins one. The guest (access/guest.h, which keeps it as guest_ref()) says who it is, as whom in
 * Kubernetes, with which limits, and what is asked for: guest->attributes has namespace, pod and
 * subresource, attributes_query() reads the rest of the target. `head` is the client's request head
 * (method, target as sent, headers), borrowed until return; behind it the stream holds whatever has
 * come already. Legal from within the stream's on_data.
 *
 * On success the channel owns the stream: it has attached it, dials the API server with
 * upstream_dial() and sends there what guest_headers() makes of the head's headers (the fields of
 * the upgrade are its own to add), to upstream_target(). On failure the stream is untouched, and
 * the caller answers with a Status.
 */
int channel_start(struct guest *guest, const struct http1_message *head, struct stream *take_client,
                  struct err *err);

/* Ends all that are open, as the daemon stops. */
void channels_close(struct kubeproxyd *k);

#endif
