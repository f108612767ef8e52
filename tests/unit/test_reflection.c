#include "rpc/reflection.h"

#include "proto/auth.service.h"
#include "proto/reflection.fields.h"
#include "proto/reflection.service.h"

#include "wire/grpc.h"

#include "tests/unit/echo.h"

/* What is asked, and what came back last. */
struct asking {
	struct rpc_stream *stream;
	int answers;
	int closed;
	int code;
	grv_ServerReflectionResponse last;
};

static void on_answer(struct rpc_stream *s, const void *message)
{
	struct asking *a = rpc_stream_data(s);
	struct err err;

	fields_release(&grv_ServerReflectionResponse_table, &a->last);
	assert_int_equal(fields_clone(&grv_ServerReflectionResponse_table, message, &a->last, &err),
	                 0);
	a->answers++;
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	struct asking *a = rpc_stream_data(s);

	a->closed++;
	a->code = err != NULL ? err->code : 0;
}

/* An echo server that also answers for reflection, with authd's files as its own. */
struct world {
	struct echo echo;
	struct rpc_client *client;
	struct asking asking;
};

static void open_world(struct world *w, uv_loop_t *loop, const struct rpc_service *asked)
{
	static const struct rpc_stream_events events = { on_answer, NULL, on_closed };
	static const struct rpc_method row[] = { { 0, 0, NULL, reflection_handle } };
	static struct rpc_offer more[2];
	const char *const addrs[] = { w->echo.addr, NULL };
	struct rpc_client_conf client = { .loop = loop, .service = asked, .addrs = addrs };
	struct rpc_server_conf conf;
	struct err err;

	w->echo.loop = loop;
	conf = echo_conf(&w->echo);
	more[0] = (struct rpc_offer){ asked, row, 1 };
	conf.more = more;
	conf.files = pv_auth_files;
	echo_start_with(&w->echo, loop, &conf);
	w->client = rpc_client_new(&client, &err);
	assert_non_null(w->client);
	if (rpc_stream_start(w->client, 0, NULL, 0, &events, &w->asking, &w->asking.stream, &err) !=
	    0)
		fail_msg("%s", err.msg);
}

static void close_world(struct world *w)
{
	struct err err;

	assert_int_equal(rpc_stream_end(w->asking.stream, &err), 0);
	turn_until(w->echo.loop, w->asking.closed > 0);
	assert_int_equal(w->asking.code, 0);
	fields_release(&grv_ServerReflectionResponse_table, &w->asking.last);
	echo_client_close(&w->echo, w->client);
	echo_stop(&w->echo);
}

static const grv_ServerReflectionResponse *ask(struct world *w, pb_size_t what, const char *text)
{
	grv_ServerReflectionRequest request = grv_ServerReflectionRequest_init_zero;
	int before = w->asking.answers;
	struct err err;

	request.which_message_request = what;
	request.message_request.list_services = (char *)(uintptr_t)text;
	assert_int_equal(rpc_stream_send(w->asking.stream, &request, &err), 0);
	turn_until(w->echo.loop, w->asking.answers > before);
	return &w->asking.last;
}

#define BY_NAME   grv_ServerReflectionRequest_file_by_filename_tag
#define BY_SYMBOL grv_ServerReflectionRequest_file_containing_symbol_tag
#define SERVICES  grv_ServerReflectionRequest_list_services_tag

static void services_are_listed(void **state)
{
	struct world w = { 0 };
	const grv_ServerReflectionResponse *answer;
	const grv_ListServiceResponse *list;

	open_world(&w, *state, &grv_ServerReflection_service);
	answer = ask(&w, SERVICES, "");
	assert_int_equal(answer->which_message_response,
	                 grv_ServerReflectionResponse_list_services_response_tag);
	list = &answer->message_response.list_services_response;
	assert_int_equal(list->service_count, 2);
	assert_string_equal(list->service[0].name, "postern.test.Echo");
	assert_string_equal(list->service[1].name, "grpc.reflection.v1.ServerReflection");
	assert_true(answer->has_original_request);
	assert_int_equal(answer->original_request.which_message_request, SERVICES);
	close_world(&w);
}

static const struct rpc_file *file_of(const char *name)
{
	const struct rpc_file *file = pv_auth_files;

	while (strcmp(file->name, name) != 0)
		file++;
	return file;
}

static void a_file_is_found_by_its_name_and_by_what_is_in_it(void **state)
{
	static const struct {
		pb_size_t what;
		const char *text;
		const char *file;
	} cases[] = {
		{ BY_NAME, "auth.proto", "auth.proto" },
		{ BY_NAME, "google/protobuf/descriptor.proto", "google/protobuf/descriptor.proto" },
		{ BY_SYMBOL, "postern.v1.Auth", "auth.proto" },
		{ BY_SYMBOL, "postern.v1.Auth.Ping", "auth.proto" },
		{ BY_SYMBOL, "postern.v1.Role", "resource.proto" },
		{ BY_SYMBOL, "postern.v1.WatchEvent.Type", "auth.proto" },
	};
	struct world w = { 0 };

	open_world(&w, *state, &reflection_v1alpha);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct rpc_file *file = file_of(cases[i].file);
		const grv_FileDescriptorResponse *got =
		        &ask(&w, cases[i].what, cases[i].text)
		                 ->message_response.file_descriptor_response;

		assert_int_equal(w.asking.last.which_message_response,
		                 grv_ServerReflectionResponse_file_descriptor_response_tag);
		assert_int_equal(got->file_descriptor_proto_count, 1);
		assert_int_equal(got->file_descriptor_proto[0]->size, file->len);
		assert_memory_equal(got->file_descriptor_proto[0]->bytes, file->bytes, file->len);
	}
	close_world(&w);
}

static void what_is_not_there_is_an_error_and_the_stream_goes_on(void **state)
{
	static const struct {
		pb_size_t what;
		int code;
	} cases[] = {
		{ BY_NAME, ERR_NOT_FOUND },
		{ BY_SYMBOL, ERR_NOT_FOUND },
		{ grv_ServerReflectionRequest_all_extension_numbers_of_type_tag, ERR_UNSUPPORTED },
		{ 0, ERR_UNSUPPORTED },
	};
	struct world w = { 0 };

	open_world(&w, *state, &grv_ServerReflection_service);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const grv_ServerReflectionResponse *answer = ask(&w, cases[i].what, "nothing");

		assert_int_equal(answer->which_message_response,
		                 grv_ServerReflectionResponse_error_response_tag);
		assert_int_equal(answer->message_response.error_response.error_code,
		                 grpc_from_err(cases[i].code));
	}
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(services_are_listed),
		loop_test(a_file_is_found_by_its_name_and_by_what_is_in_it),
		loop_test(what_is_not_there_is_an_error_and_the_stream_goes_on),
	};

	return unit_run(tests);
}
