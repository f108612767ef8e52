/*
 * trust - whom tsh believes, and as whom it speaks, as TLS configurations.
 */
#ifndef TSH_TRUST_H
#define TSH_TRUST_H

#include "tsh/profile.h"

struct clock;
struct err;
struct tls_conf;

#define TRUST_STREAM "postern-stream/1"
#define TRUST_GRPC   "h2"

/*
 * For the proxy's own port: it must be signed by the pinned authority, or by one that the
 * system trusts if the profile has no pin. With a pin, the authorities that the last login brought
 * count in its place (`known`: if there was one), so that a rotation in between changes nothing.
 * Anonymous: for logging in.
 */
int trust_proxy_anonymous(const struct profile *p, bool known, const struct clock *clock,
                          struct tls_conf **out, struct err *err);

/* The same with the login's certificate, for streams. */
int trust_proxy(const struct profile *p, const struct clock *clock, struct tls_conf **out,
                struct err *err);

/* For hosts of the cluster behind the proxy, by the authorities that the login brought. */
int trust_cluster(const struct profile *p, const struct clock *clock, const char *alpn,
                  struct tls_conf **out, struct err *err);

#endif
