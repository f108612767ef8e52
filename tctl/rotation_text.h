/*
 * rotation_text - where the authorities' keys stand, and who has not followed, for people.
 */
#ifndef TCTL_ROTATION_TEXT_H
#define TCTL_ROTATION_TEXT_H

#include "proto/auth.pb.h"

#include <stdio.h>

/* A line: "Host CA  keys of TIME, rotation in progress, phase init, update_clients at TIME". */
void rotation_text_authority(FILE *to, const pv_CertAuthoritySpec *spec);

/* A line each; what hosts chose themselves is printed without control characters. */
void rotation_text_stragglers(FILE *to, const pv_RotationStatus *status);

#endif
