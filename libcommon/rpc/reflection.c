#include "rpc/reflection.h"

#include "base/err.h"
#include "base/str.h"
#include "rpc/server_inside.h"
#include "wire/fields.h"
#include "wire/grpc.h"

#include "proto/reflection.fields.h"
#include "proto/reflection.service.h"

static const struct rpc_signature calls[] = {
	{ "ServerReflectionInfo", RPC_BIDI, &grv_ServerReflectionRequest_table,
	  &grv_ServerReflectionResponse_table },
};

const struct rpc_service reflection_v1alpha = { "grpc.reflection.v1alpha.ServerReflection", calls,
	                                        1 };

/* --- files: a client that wants what one imports asks for it by its name ---------------------- */

typedef bool (*file_test)(const struct rpc_file *file, const char *text);

static bool is_named(const struct rpc_file *file, const char *name)
{
	return str_eq(file->name, name);
}

static bool has_symbol(const struct rpc_file *file, const char *symbol)
{
	for (const char *const *at = file->symbols; *at != NULL; at++)
		if (str_eq(*at, symbol))
			return true;
	return false;
}

static const struct rpc_file *find_in(const struct rpc_file *files, file_test test,
                                      const char *text)
{
	for (; files != NULL && files->name != NULL; files++)
		if (test(files, text))
			return files;
	return NULL;
}

static int answer_file(const struct rpc_server *s, file_test test, const char *text,
                       grv_ServerReflectionResponse *out, struct err *err)
{
	grv_FileDescriptorResponse *files = &out->message_response.file_descriptor_response;
	const struct rpc_file *file = find_in(s->conf.files, test, text);
	pb_bytes_array_t **bytes;

	if (file == NULL)
		file = find_in(grv_reflection_files, test, text);
	if (file == NULL)
		return err_set(err, ERR_NOT_FOUND, "nothing here is called '%s'", text);
	out->which_message_response = grv_ServerReflectionResponse_file_descriptor_response_tag;
	bytes = fields_add(&files->file_descriptor_proto, &files->file_descriptor_proto_count,
	                   sizeof(*bytes), err);
	return bytes != NULL ? fields_set_bytes(bytes, file->bytes, file->len, err) : err->code;
}

/* --- services -------------------------------------------------------------------------------- */

static int add_service(grv_ListServiceResponse *list, const struct rpc_service *service,
                       struct err *err)
{
	grv_ServiceResponse *row =
	        fields_add(&list->service, &list->service_count, sizeof(*row), err);

	return row != NULL ? fields_set_str(&row->name, service->name, err) : err->code;
}

static int answer_services(const struct rpc_server *s, grv_ServerReflectionResponse *out,
                           struct err *err)
{
	grv_ListServiceResponse *list = &out->message_response.list_services_response;
	int rc;

	out->which_message_response = grv_ServerReflectionResponse_list_services_response_tag;
	rc = add_service(list, s->conf.main.service, err);
	return rc == 0 ? add_service(list, &grv_ServerReflection_service, err) : rc;
}

/* --- a request and its answer ---------------------------------------------------------------- */

static int answer(const struct rpc_server *s, const grv_ServerReflectionRequest *request,
                  grv_ServerReflectionResponse *out, struct err *err)
{
	switch (request->which_message_request) {
	case grv_ServerReflectionRequest_file_by_filename_tag:
		return answer_file(s, is_named, request->message_request.file_by_filename, out,
		                   err);
	case grv_ServerReflectionRequest_file_containing_symbol_tag:
		return answer_file(s, has_symbol, request->message_request.file_containing_symbol,
		                   out, err);
	case grv_ServerReflectionRequest_list_services_tag:
		return answer_services(s, out, err);
	default:
		return err_set(err, ERR_UNSUPPORTED, "extensions are not looked up here");
	}
}

/* Within the stream, for the stream goes on: the protocol's way. */
static int answer_error(const struct err *why, grv_ServerReflectionResponse *out, struct err *err)
{
	grv_ErrorResponse *error = &out->message_response.error_response;

	out->which_message_response = grv_ServerReflectionResponse_error_response_tag;
	error->error_code = grpc_from_err(why->code);
	return fields_set_str(&error->error_message, why->msg, err);
}

static int respond(struct rpc_call *call, const grv_ServerReflectionRequest *request,
                   struct err *err)
{
	grv_ServerReflectionResponse out = grv_ServerReflectionResponse_init_zero;
	int rc = answer(call->conn->server, request, &out, err);

	if (rc == ERR_NOT_FOUND || rc == ERR_UNSUPPORTED) {
		struct err why = *err;

		rc = answer_error(&why, &out, err);
	}
	if (rc == 0)
		rc = fields_clone(&grv_ServerReflectionRequest_table, request,
		                  &out.original_request, err);
	if (rc == 0) {
		out.has_original_request = true;
		rc = rpc_call_send(call, &out, err);
	}
	fields_release(&grv_ServerReflectionResponse_table, &out);
	return rc;
}

/* A client that asks and does not read is held back. */
static void on_message(struct rpc_call *call, const void *message)
{
	struct err err;

	if (respond(call, message, &err) != 0)
		rpc_call_fail(call, &err);
	else if (!rpc_call_writable(call))
		rpc_call_pause(call, true);
}

static void on_writable(struct rpc_call *call)
{
	rpc_call_pause(call, false);
}

void reflection_handle(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .message = on_message,
		                                       .end = rpc_call_finish,
		                                       .writable = on_writable };

	rpc_call_set_events(call, &events, NULL);
}
