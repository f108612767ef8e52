/*
 * addr - network addresses as text.
 */
#ifndef LOOP_ADDR_H
#define LOOP_ADDR_H

#include <sys/socket.h>

#define ADDR_TEXT_SIZE 64 /* an address, a port, brackets and a 0 */

/* "192.0.2.7:51234", "[2001:db8::1]:22", "unix". IPv4 within IPv6 is written as IPv4. Returns out.
 */
char *addr_print(const struct sockaddr *sa, char out[ADDR_TEXT_SIZE]);

/* Who it is, for counting: "192.0.2.7", or an IPv6 address's first 64 bits ("2001:db8::/64");
 * "unix" for all others. Returns out. */
char *addr_print_network(const struct sockaddr *sa, char out[ADDR_TEXT_SIZE]);

/* The same of an address as addr_print() writes it; any other text stays as it is, cut to size. */
char *addr_network(const char *text, char out[ADDR_TEXT_SIZE]);

#endif
