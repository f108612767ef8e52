/*
 * listing_request - access requests as rows, the same for administrators and for people.
 */
#ifndef MODEL_LISTING_REQUEST_H
#define MODEL_LISTING_REQUEST_H

#include "model/listing.h"

extern const struct listing_table listing_request;

#endif
