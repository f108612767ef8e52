/*
 * x509_host - hosts as certificates name them: addresses and DNS names told apart.
 */
#ifndef CRYPTO_X509_HOST_H
#define CRYPTO_X509_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The address in network order; its length, 4 or 16, or 0 when the text is no IP address. */
size_t x509_host_address(const char *text, uint8_t out[16]);

/* A DNS name that may stand in a certificate: letters, digits, '-', '_', dots; maybe "*." first. */
bool x509_host_is_name(const char *name);

#endif
