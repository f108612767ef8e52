/* What another cluster says of its authority, as bytes of the message. */
#include "model/foreign_authority.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pv_CertAuthority said, read = pv_CertAuthority_init_zero;
	struct err err;

	if (fields_decode(&pv_CertAuthority_table, data, size, &said, &err) != 0)
		return 0;
	if (foreign_authority_read(&said, "host", "leaf", &read, &err) == 0)
		fields_release(&pv_CertAuthority_table, &read);
	fields_release(&pv_CertAuthority_table, &said);
	return 0;
}
