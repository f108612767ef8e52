#include "base/fifo.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Byte `i` of the stream that the tests send through. */
static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static void append_next(struct fifo *f, size_t *at, size_t len)
{
	uint8_t *data = malloc(len + 1);
	struct err err;

	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = byte_at(*at + i);
	assert_int_equal(fifo_append(f, data, len, &err), 0);
	*at += len;
	free(data);
}

static void take_next(struct fifo *f, size_t *at, size_t size)
{
	uint8_t *data = malloc(size + 1);
	size_t waited = f->len, got;

	assert_non_null(data);
	got = fifo_take(f, data, size);
	assert_int_equal(got, waited < size ? waited : size);
	assert_int_equal(f->len, waited - got);
	for (size_t i = 0; i < got; i++)
		assert_int_equal(data[i], byte_at(*at + i));
	*at += got;
	free(data);
}

static void bytes_come_out_in_the_order_in_which_they_went_in(void **state)
{
	static const size_t in[] = { 1, 0, 511, 512, 513, 16384, 16383, 3, 70000, 1, 100000 };
	static const size_t out[] = { 1, 5, 16375, 16375, 2, 40000, 16375 };
	size_t put = 0, got = 0;
	struct fifo f;

	(void)state;
	fifo_init(&f);
	for (size_t turn = 0; turn < 50; turn++) {
		append_next(&f, &put, in[turn % (sizeof(in) / sizeof(in[0]))]);
		take_next(&f, &got, out[turn % (sizeof(out) / sizeof(out[0]))]);
	}
	take_next(&f, &got, put);
	assert_int_equal(got, put);
	fifo_wipe(&f);
}

static void nothing_comes_out_of_an_empty_one(void **state)
{
	uint8_t byte;
	struct fifo f;

	(void)state;
	fifo_init(&f);
	assert_int_equal(fifo_take(&f, &byte, 1), 0);
	fifo_wipe(&f);
}

static void one_that_was_wiped_begins_anew(void **state)
{
	size_t put = 0, got = 0;
	struct fifo f;

	(void)state;
	fifo_init(&f);
	append_next(&f, &put, 50000);
	fifo_wipe(&f);
	assert_int_equal(f.len, 0);
	got = put;
	append_next(&f, &put, 600);
	take_next(&f, &got, 600);
	fifo_wipe(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_the_order_in_which_they_went_in),
		cmocka_unit_test(nothing_comes_out_of_an_empty_one),
		cmocka_unit_test(one_that_was_wiped_begins_anew),
	};

	return unit_run(tests);
}
