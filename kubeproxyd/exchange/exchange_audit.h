/*
 * exchange_audit - what the cluster hears of plain requests: a kube.request each, and a
 * client.disconnect where one was cut. Channels have events of their own.
 */
#ifndef KUBEPROXYD_EXCHANGE_EXCHANGE_AUDIT_H
#define KUBEPROXYD_EXCHANGE_EXCHANGE_AUDIT_H

#include <stdbool.h>

struct attributes;
struct err;
struct guest;
struct visit;

/* One that was admitted: `status` is what the client was answered. */
void audit_request(const struct guest *guest, const char *method, int status);

/* One that was not: who it was is known, and why. */
void audit_refusal(const struct visit *visit, const struct attributes *attributes,
                   const char *method, int status, const struct err *why);

/* So much waits for authd that nothing more may happen unknown to it. */
bool audit_is_full(const struct visit *visit);

/* One that was cut while it was under way. */
void audit_cut(const struct guest *guest, const struct err *why);

#endif
