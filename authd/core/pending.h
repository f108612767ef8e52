/*
 * pending - a call that waits for a write or a hash, and whose client may go away meanwhile.
 *
 * Embed it in the struct of the operation. Whatever comes back later looks at pending->call and
 * then answers or, when it is NULL, only cleans up:
 *
 *   pending_begin(&op->pending, call);
 *   if (keyspace_write(..., on_written, op, &err) != 0) ...
 *
 *   static void on_written(void *arg, uint64_t revision, const struct err *err)
 *   {
 *           pending_end(&op->pending, &(pv_Empty){ 0 }, err);
 *           free(op);
 *   }
 */
#ifndef AUTHD_CORE_PENDING_H
#define AUTHD_CORE_PENDING_H

struct err;
struct rpc_call;

struct pending {
	struct rpc_call *call; /* NULL: the client has gone, or it is answered */
};

/* From now on a cancelled call only clears pending->call. Sets the call's events. */
void pending_begin(struct pending *p, struct rpc_call *call);

/* Answers once, if there is still somebody to answer to: with `response`, or with err unless it
 * is NULL. Harmless afterwards. */
void pending_end(struct pending *p, const void *response, const struct err *err);

#endif
