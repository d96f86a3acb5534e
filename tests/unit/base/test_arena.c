/* Tests of the arena: its cap, its mark, its wiping; and of the heap below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

#include <malloc.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena arena;

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	unsigned char *last = NULL;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	for (size_t size = 1; size < 3000; size += 7) {
		unsigned char *p = arena_alloc(&arena, size);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		assert_true(last == NULL || last[0] == 0xAA);
		memset(p, 0xAA, size);
		last = p;
	}
	assert_false(arena_failed(&arena));
	arena_finish(&arena);
}

static void the_cap_is_held_to_the_byte(void **state)
{
	(void)state;
	arena_init(&arena, 100);
	assert_non_null(arena_alloc(&arena, 60));
	assert_non_null(arena_alloc(&arena, 40));
	assert_false(arena_failed(&arena));
	assert_null(arena_alloc(&arena, 1));
	assert_true(arena_failed(&arena));
	arena_finish(&arena);
}

static void the_mark_stays(void **state)
{
	(void)state;
	arena_init(&arena, 100);
	assert_null(arena_alloc(&arena, 101));
	assert_null(arena_alloc(&arena, 1)); /* although it would fit */
	assert_null(arena_str(&arena, STR("x")).p);
	assert_null(arena_printf(&arena, "%d", 1).p);
	assert_true(arena_failed(&arena));
	arena_finish(&arena);
}

static void no_size_is_too_large_to_be_refused(void **state)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX / 2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		arena_init(&arena, 4096);
		assert_non_null(arena_alloc(&arena, 16));
		assert_null(arena_alloc(&arena, sizes[i]));
		arena_finish(&arena);
	}
}

static void texts_are_copies_with_a_nul_behind(void **state)
{
	char text[] = "abc";

	(void)state;
	arena_init(&arena, 4096);
	struct str s = arena_str(&arena, (struct str){ text, 2 });
	text[0] = 'x';
	assert_string_equal(s.p, "ab");
	assert_int_equal(s.len, 2);
	s = arena_str(&arena, STR("a\0b"));
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.p, "a\0b", 4);
	s = arena_str(&arena, STR_NONE);
	assert_non_null(s.p);
	assert_string_equal(s.p, "");
	s = arena_printf(&arena, "%s-%d", "x", 7);
	assert_string_equal(s.p, "x-7");
	assert_int_equal(s.len, 3);
	arena_finish(&arena);
	arena_finish(&arena); /* again, and a zeroed one */
	arena = (struct arena){ .cap = 0 };
	arena_finish(&arena);
}

/* --- what is given back is wiped ------------------------------------------------------ */

static unsigned char *watched;
static size_t watched_len, seen_wiped;

void __real_free(void *p);
void __wrap_free(void *p);

/* The linker puts this in front of every free() of base; see mem_free(). */
void __wrap_free(void *p)
{
	if (p != NULL && watched != NULL && (unsigned char *)p <= watched &&
	    watched + watched_len <= (unsigned char *)p + malloc_usable_size(p)) {
		seen_wiped = 0;
		for (size_t i = 0; i < watched_len; i++)
			seen_wiped += watched[i] == 0;
		watched = NULL;
	}
	__real_free(p);
}

static void watch(void *p, size_t len)
{
	watched = p;
	watched_len = len;
	seen_wiped = 0;
	memset(p, 0xAA, len);
}

static void a_finished_arena_is_wiped(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	for (int i = 0; i < 3; i++)
		arena_alloc(&arena, 1500);
	watch(arena_alloc(&arena, 40), 40);
	arena_finish(&arena);
	assert_null(watched);
	assert_int_equal(seen_wiped, 40);
}

static void freed_and_moved_blocks_are_wiped(void **state)
{
	char *p = mem_alloc(100);

	(void)state;
	watch(p, 100);
	mem_free(p);
	assert_int_equal(seen_wiped, 100);
	p = mem_alloc(100);
	watch(p, 100);
	p = mem_realloc(p, 100000); /* the old block has to be given back, wiped */
	assert_null(watched);
	assert_int_equal(seen_wiped, 100);
	assert_int_equal((unsigned char)p[99], 0xAA);
	watch(p, 100000);
	p = mem_realloc(p, 10);
	assert_null(watched);
	assert_int_equal(seen_wiped, 100000);
	assert_int_equal((unsigned char)p[9], 0xAA);
	mem_free(p);
	mem_free(NULL);
}

static void nothing_is_something(void **state)
{
	char *none = mem_alloc(0), *zeroed = mem_calloc(0, 0), *text = mem_strdup("abc");
	int *numbers = mem_calloc(10, sizeof *numbers);

	(void)state;
	assert_true(none != NULL && zeroed != NULL);
	assert_string_equal(text, "abc");
	for (int i = 0; i < 10; i++)
		assert_int_equal(numbers[i], 0);
	mem_free(none);
	mem_free(zeroed);
	mem_free(text);
	mem_free(numbers);
	mem_free(mem_realloc(NULL, 10));
	mem_free(mem_realloc(mem_alloc(10), 0));
}

/* --- no memory ------------------------------------------------------------------------ */

static void ask_for_too_much(void)
{
	mem_alloc(PTRDIFF_MAX - 1);
}

static void ask_for_more_than_a_size_can_say(void)
{
	mem_calloc(SIZE_MAX / 2, 3);
}

static void ask_for_too_much_again(void)
{
	mem_realloc(mem_alloc(10), SIZE_MAX);
}

static void without_memory_it_says_so_and_ends(void **state)
{
	void (*const asks[])(void) = { ask_for_too_much, ask_for_more_than_a_size_can_say,
				       ask_for_too_much_again };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		char said[512];
		int out[2], status;
		assert_int_equal(pipe(out), 0);
		pid_t pid = fork();
		if (pid == 0) {
			dup2(out[1], STDERR_FILENO);
			asks[i]();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
		close(out[1]);
		ssize_t n = read(out[0], said, sizeof said - 1);
		assert_true(n > 0);
		said[n] = '\0';
		close(out[0]);
		assert_non_null(strstr(said, "\"event\":\"out_of_memory\""));
		assert_non_null(strstr(said, "lower in_flight"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(the_cap_is_held_to_the_byte),
		cmocka_unit_test(the_mark_stays),
		cmocka_unit_test(no_size_is_too_large_to_be_refused),
		cmocka_unit_test(texts_are_copies_with_a_nul_behind),
		cmocka_unit_test(a_finished_arena_is_wiped),
		cmocka_unit_test(freed_and_moved_blocks_are_wiped),
		cmocka_unit_test(without_memory_it_says_so_and_ends),
		cmocka_unit_test(nothing_is_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
