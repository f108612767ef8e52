/*
 * x509_oid - the object identifiers and tags that reading and issuing share, in DER without their
 * header. mbedTLS names the common ones in its own oid.h. Inside of crypto only.
 */
#ifndef CRYPTO_X509_OID_H
#define CRYPTO_X509_OID_H

/* 1.3.6.1.4.1.58888.1.1: 58888 is 0x83 0xcc 0x08 in base 128. */
#define X509_OID_IDENTITY "\x2b\x06\x01\x04\x01\x83\xcc\x08\x01\x01"

/* GeneralName (RFC 5280, 4.2.1.6) */
#define X509_SAN_DNS 0x82
#define X509_SAN_IP  0x87

#endif
