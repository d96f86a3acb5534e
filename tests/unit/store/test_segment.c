/* Tests of the file itself: who makes it, and which ones are not taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "segment.h"
#include "store_help.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { BYTES = 4 * SEGMENT_HEAD };

static const char *why;

static struct segment_want want_of(uint64_t bytes)
{
	return (struct segment_want){
		.path = test_path(),
		.bytes = bytes,
		.layout = 77,
		.sizes = { 1, 2, 3 },
	};
}

static enum err try_open(struct segment *g)
{
	struct segment_want want = want_of(BYTES);

	why = NULL;
	return segment_open(&want, g, &why);
}

/* Opens, and closes again; what is in it stays. */
static void open_and_close(bool expect_fresh, unsigned char expect_byte)
{
	struct segment g;

	assert_int_equal(try_open(&g), OK);
	assert_int_equal(g.fresh, expect_fresh);
	assert_int_equal(g.base[SEGMENT_HEAD], expect_byte);
	g.base[SEGMENT_HEAD] = 'x';
	segment_publish(&g);
	segment_close(&g);
}

static int no_file(void **state)
{
	(void)state;
	unlink(test_path());
	return 0;
}

static int good_file(void **state)
{
	no_file(state);
	open_and_close(true, 0);
	return 0;
}

static void patch(off_t at, const void *bytes, size_t n)
{
	int fd = open(test_path(), O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static ino_t inode(void)
{
	struct stat st;

	return stat(test_path(), &st) == 0 ? st.st_ino : 0;
}

static void refused(enum err expect, const char *expect_why)
{
	struct segment g;
	ino_t before = inode();

	assert_int_equal(try_open(&g), expect);
	assert_non_null(why);
	assert_non_null(strstr(why, expect_why));
	assert_non_null(strstr(why, "segment"));
	assert_int_equal(inode(), before);
}

static void the_first_makes_it_and_the_next_finds_it(void **state)
{
	struct stat st;

	(void)state;
	open_and_close(true, 0);
	assert_int_equal(stat(test_path(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, BYTES);
	assert_int_equal(st.st_blocks * 512, BYTES);
	open_and_close(false, 'x');
}

static void a_leftover_of_another_boot_is_made_anew_under_a_new_inode(void **state)
{
	struct segment old;

	(void)state;
	assert_int_equal(try_open(&old), OK);
	segment_publish(&old);
	patch(offsetof(struct segment_head, boot), "00000000-1111", 13);
	open_and_close(true, 0);
	assert_int_equal(old.base[SEGMENT_HEAD], 'x'); /* who has it mapped keeps it whole */
	assert_false(segment_in_place(&old));
	segment_close(&old);
	open_and_close(false, 'x');
}

static void a_half_made_one_is_made_anew(void **state)
{
	(void)state;
	patch(0, "\0\0\0\0\0\0\0\0", 8);
	open_and_close(true, 0);
}

static void an_empty_file_is_filled(void **state)
{
	(void)state;
	close(open(test_path(), O_CREAT | O_WRONLY, 0600));
	open_and_close(true, 0);
}

static void another_layout_version_or_size_is_refused_with_a_remedy(void **state)
{
	static const struct {
		size_t at;
		const char *why;
	} rows[] = {
		{ offsetof(struct segment_head, version), "another version" },
		{ offsetof(struct segment_head, layout), "another version" },
		{ offsetof(struct segment_head, bytes) + 1, "other sizes" },
		{ offsetof(struct segment_head, sizes) + 8, "other sizes" },
		{ offsetof(struct segment_head, sizes) + 4 * (SEGMENT_SIZES - 1), "other sizes" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		good_file(state);
		patch((off_t)rows[i].at, "\x55", 1);
		refused(ERR_VERSION, rows[i].why);
		assert_non_null(strstr(why, "stop the workers"));
	}
}

static void a_cut_file_is_refused_and_not_mapped(void **state)
{
	static const off_t sizes[] = { BYTES - 1, SEGMENT_HEAD, 200, BYTES + 4096 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		good_file(state);
		assert_int_equal(truncate(test_path(), sizes[i]), 0);
		refused(ERR_VERSION, "somebody cut it");
	}
	assert_int_equal(truncate(test_path(), 60), 0);
	refused(ERR_VERSION, "another version");
}

static void a_file_of_somebody_else_is_refused_and_left_alone(void **state)
{
	(void)state;
	close(open(test_path(), O_CREAT | O_WRONLY, 0600));
	patch(0, "a diary", 7);
	refused(ERR_REFUSED, "is not a segment of benren");
}

static void a_file_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0666, 0610, 0601 };

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		good_file(state);
		assert_int_equal(chmod(test_path(), modes[i]), 0);
		refused(ERR_REFUSED, "others may open it");
	}
}

static void a_file_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* nobody else can give a file away */
	assert_int_equal(chown(test_path(), 65534, 65534), 0);
	refused(ERR_REFUSED, "");
}

static void a_symbolic_link_is_refused(void **state)
{
	char target[128];

	(void)state;
	snprintf(target, sizeof target, "%s.target", test_path());
	assert_int_equal(rename(test_path(), target), 0);
	assert_int_equal(symlink(target, test_path()), 0);
	refused(ERR_REFUSED, "symbolic link");
	assert_int_equal(unlink(target), 0);
	refused(ERR_REFUSED, "symbolic link");
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(test_path(), 0600), 0);
	refused(ERR_REFUSED, "not a regular file");
	assert_int_equal(unlink(test_path()), 0);
	assert_int_equal(mkdir(test_path(), 0700), 0);
	refused(ERR_REFUSED, "cannot be opened");
	assert_int_equal(rmdir(test_path()), 0);
}

static void a_path_that_leads_nowhere_is_told(void **state)
{
	struct segment_want want = want_of(BYTES);
	struct segment g;

	(void)state;
	want.path = "/nonexistent/benren";
	assert_int_equal(segment_open(&want, &g, &why), ERR_SYSTEM);
	assert_non_null(strstr(why, "/nonexistent/benren"));
}

/* A file system without room looks just so to posix_fallocate(). */
static void no_room_is_told_with_the_size_and_leaves_nothing(void **state)
{
	struct rlimit had, small = { 1 << 20, 1 << 20 };
	struct segment_want want = want_of(64 << 20);
	struct segment g;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &had), 0);
	small.rlim_max = had.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum err err = segment_open(&want, &g, &why);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &had), 0);
	assert_int_equal(err, ERR_FULL);
	assert_non_null(strstr(why, "65536 KiB"));
	assert_int_equal(inode(), 0);
}

static void a_removed_or_cut_segment_is_noticed(void **state)
{
	struct segment g;

	(void)state;
	assert_int_equal(try_open(&g), OK);
	segment_publish(&g);
	assert_true(segment_in_place(&g));
	assert_int_equal(truncate(test_path(), SEGMENT_HEAD), 0);
	assert_false(segment_in_place(&g));
	assert_int_equal(unlink(test_path()), 0);
	assert_false(segment_in_place(&g));
	segment_close(&g);
}

/* --- all at once ------------------------------------------------------------ */

enum { RACERS = 32, ROUNDS = 40 };

enum { WAS_FRESH = 10, WAS_FINISHED, WAS_UNFINISHED, HAD_NONE };

static int race(_Atomic int *go)
{
	const struct timespec filling = { .tv_nsec = 200000 };
	struct segment g;

	atomic_fetch_add(go, 1);
	while (atomic_load(go) < RACERS)
		sched_yield();
	if (try_open(&g) != OK)
		return HAD_NONE;
	int found = g.base[SEGMENT_HEAD] == 'x' ? WAS_FINISHED : WAS_UNFINISHED;
	if (g.fresh) {
		nanosleep(&filling, NULL);
		found = found == WAS_UNFINISHED ? WAS_FRESH : HAD_NONE;
		g.base[SEGMENT_HEAD] = 'x';
	}
	segment_publish(&g);
	return segment_in_place(&g) ? found : HAD_NONE;
}

static void one_round(_Atomic int *go)
{
	pid_t pids[RACERS];
	int count[HAD_NONE + 1] = { 0 };

	atomic_store(go, 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			_exit(race(go));
	}
	for (int i = 0; i < RACERS; i++) {
		int code = ending(pids[i]);
		assert_in_range(code, WAS_FRESH, HAD_NONE);
		count[code]++;
	}
	assert_int_equal(count[WAS_FRESH], 1);
	assert_int_equal(count[WAS_FINISHED], RACERS - 1);
}

static void of_many_that_start_at_once_exactly_one_makes_it(void **state)
{
	_Atomic int *go = shared_page(sizeof *go);

	for (int round = 0; round < ROUNDS; round++) {
		if (round % 4 == 0)
			no_file(state);
		else
			patch(0, "\0\0\0\0\0\0\0\0", 8); /* all find the same corpse */
		if (round % 4 == 1)
			assert_int_equal(truncate(test_path(), 0), 0);
		if (round % 4 == 2)
			good_file(state), patch(offsetof(struct segment_head, boot), "0000", 4);
		one_round(go);
	}
}

static void whoever_dies_while_filling_it_is_followed_by_another(void **state)
{
	struct segment g;
	pid_t pid = fork_child();

	(void)state;
	if (pid == 0) {
		enum err err = try_open(&g);
		g.base[SEGMENT_HEAD] = 'h';
		_exit(err == OK && g.fresh ? 0 : 1);
	}
	assert_int_equal(ending(pid), 0);
	open_and_close(true, 0);
	open_and_close(false, 'x');
}

#define FRESH_TEST(f) cmocka_unit_test_setup_teardown(f, no_file, no_file)
#define FILE_TEST(f)  cmocka_unit_test_setup_teardown(f, good_file, no_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH_TEST(the_first_makes_it_and_the_next_finds_it),
		FILE_TEST(a_leftover_of_another_boot_is_made_anew_under_a_new_inode),
		FILE_TEST(a_half_made_one_is_made_anew),
		FRESH_TEST(an_empty_file_is_filled),
		FILE_TEST(another_layout_version_or_size_is_refused_with_a_remedy),
		FILE_TEST(a_cut_file_is_refused_and_not_mapped),
		FRESH_TEST(a_file_of_somebody_else_is_refused_and_left_alone),
		FILE_TEST(a_file_open_to_others_is_refused),
		FILE_TEST(a_file_of_another_user_is_refused),
		FILE_TEST(a_symbolic_link_is_refused),
		FRESH_TEST(what_is_no_file_is_refused),
		FRESH_TEST(a_path_that_leads_nowhere_is_told),
		FRESH_TEST(no_room_is_told_with_the_size_and_leaves_nothing),
		FILE_TEST(a_removed_or_cut_segment_is_noticed),
		FRESH_TEST(of_many_that_start_at_once_exactly_one_makes_it),
		FRESH_TEST(whoever_dies_while_filling_it_is_followed_by_another),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, remove_test_dir);
}
