#include "base/file.h"
#include "base/testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char path[64];
    char name[128]; /* of a file in it */
};

static int folder_make(void **state)
{
    struct folder *f = malloc(sizeof *f);
    if (!f)
        return -1;
    snprintf(f->path, sizeof f->path, "/tmp/loft-file-XXXXXX");
    if (!mkdtemp(f->path))
        return -1;
    snprintf(f->name, sizeof f->name, "%s/file", f->path);
    *state = f;
    return 0;
}

static int folder_remove(void **state)
{
    struct folder *f = *state;
    unlink(f->name);
    int r = rmdir(f->path); /* fails when anything was left behind, such as a temporary file */
    free(f);
    return r;
}

static void test_file_is_replaced_whole_and_read_back(void **state)
{
    const struct folder *f = *state;
    static const struct str contents[] = { STR_INIT("one"), STR_INIT(""), STR_INIT("a\0b") };
    struct err err;
    for (size_t i = 0; i < ARRAY_COUNT(contents); i++) {
        struct buf out = BUF_INIT;
        struct stat st;
        buf_add_lit(&out, "before ");
        assert_row(file_replace(f->name, contents[i], 0600, &err) == 0, i, err.text);
        assert_row(file_read(f->name, 100, &out, &err) == 0, i, err.text);
        assert_row(str_eq(str_skip(buf_str(&out), 7), contents[i]), i, "content");
        assert_row(stat(f->name, &st) == 0 && (st.st_mode & 0777) == 0600, i, "mode");
        buf_deinit(&out);
    }
}

static void test_file_read_has_a_limit(void **state)
{
    const struct folder *f = *state;
    struct err err;
    for (size_t n = 199999; n <= 200001; n++) {
        struct buf in = BUF_INIT, out = BUF_INIT;
        memset(buf_reserve(&in, n), 'x', n);
        in.n = n;
        buf_add_lit(&out, "before");
        assert_int_equal(file_replace(f->name, buf_str(&in), 0600, &err), 0);
        assert_row(file_read(f->name, 200000, &out, &err) == (n <= 200000 ? 0 : -ERR_LIMIT), n, "limit");
        assert_row(out.n == 6 + (n <= 200000 ? n : 0), n, "as before after an error");
        buf_deinit(&in);
        buf_deinit(&out);
    }
}

static void test_missing_file_and_folder_are_told_apart_from_failures(void **state)
{
    const struct folder *f = *state;
    struct buf out = BUF_INIT;
    struct err err;
    assert_int_equal(file_read(f->name, 10, &out, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, f->name));
    assert_int_equal(file_read(f->path, 10, &out, &err), -ERR_IO); /* a folder */
    assert_int_equal(file_replace("/nonexistent/file", STR("x"), 0600, &err), -ERR_IO);
    assert_int_equal(file_sync_dir("/nonexistent", &err), -ERR_IO);
    assert_int_equal(file_sync_dir(f->path, &err), 0);
    uint64_t bytes;
    assert_int_equal(file_free_bytes("/nonexistent", &bytes, &err), -ERR_IO);
    assert_int_equal(file_free_bytes(f->path, &bytes, &err), 0);
    buf_deinit(&out);
}

static void test_full_disk_leaves_the_old_file(void **state)
{
    const struct folder *f = *state;
    struct err err;
    struct buf out = BUF_INIT;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0)
        skip();
    assert_int_equal(file_write(full, STR("x"), &err), -ERR_FULL);
    close(full);
    assert_int_equal(file_replace(f->name, STR("old"), 0600, &err), 0);
    char folder_in_the_way[200];
    snprintf(folder_in_the_way, sizeof folder_in_the_way, "%s.new-%ld", f->name, (long)getpid());
    assert_int_equal(mkdir(folder_in_the_way, 0700), 0);
    assert_int_equal(file_replace(f->name, STR("new"), 0600, &err), -ERR_IO);
    assert_int_equal(rmdir(folder_in_the_way), 0);
    assert_int_equal(file_read(f->name, 10, &out, &err), 0);
    assert_str(buf_str(&out), "old");
    buf_deinit(&out);
}

static void test_folders_are_made_on_the_way(void **state)
{
    const struct folder *f = *state;
    char deep[128], middle[128], too_long[5000];
    struct err err;
    snprintf(middle, sizeof middle, "%s/a", f->path);
    snprintf(deep, sizeof deep, "%s/a//b/", f->path);
    assert_int_equal(file_mkdir_all(deep, 0700, &err), 0);
    assert_int_equal(file_mkdir_all(deep, 0700, &err), 0); /* there already */
    assert_int_equal(rmdir(deep), 0);
    assert_int_equal(rmdir(middle), 0);
    assert_int_equal(file_replace(f->name, STR("x"), 0600, &err), 0);
    assert_int_equal(file_mkdir_all(f->name, 0700, &err), -ERR_IO); /* a file */
    assert_int_equal(file_mkdir_all("", 0700, &err), -ERR_INVALID);
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(file_mkdir_all(too_long, 0700, &err), -ERR_INVALID);
}

static void test_positioned_reads_and_writes_are_whole(void **state)
{
    const struct folder *f = *state;
    char out[6] = "";
    struct err err;
    int fd = open(f->name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, STR("hello"), &err), 0);
    assert_int_equal(file_pwrite(fd, STR("EL"), 1, &err), 0);
    assert_int_equal(file_pread(fd, out, 5, 0, &err), 0);
    assert_string_equal(out, "hELlo");
    assert_int_equal(file_pread(fd, out, 0, 99, &err), 0);
    assert_int_equal(file_pread(fd, out, 2, 4, &err), -ERR_IO);
    assert_string_equal(err.text, "short read at 5");
    close(fd);
    assert_int_equal(file_pread(-1, out, 1, 0, &err), -ERR_IO);
    assert_int_equal(file_pwrite(-1, STR("x"), 0, &err), -ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file_is_replaced_whole_and_read_back, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(test_file_read_has_a_limit, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_missing_file_and_folder_are_told_apart_from_failures,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_full_disk_leaves_the_old_file, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_folders_are_made_on_the_way, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_positioned_reads_and_writes_are_whole, folder_make,
                                        folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
