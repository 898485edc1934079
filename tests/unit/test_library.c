/* Libraries that are looked up at run time: where, and in which order. Each test has a folder of
 * its own with copies of one library (EIE_TEST_LIBRARY) under a name that no system has. */
#include "host/base/library.h"
#include "tests/support/test.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>

static const char *const names[] = {"libeie_of_no_package.so.4", "libeie_of_no_package.so.3", NULL};
static struct test_folder folder;

/* Puts the library, or a file with that text, into a folder below the test's. */
static void put(const char *where, const char *name, const char *text)
{
    char command[4 * PATH_MAX];
    snprintf(command, sizeof command, "cd '%s' && mkdir -p '%s' && cd '%s' && %s%s%s '%s'",
             folder.path, where, where, text ? "printf '" : "cp ",
             text ? text : "\"$EIE_TEST_LIBRARY\"", text ? "' >" : "", name);
    assert_int_equal(system(command), 0);
}

/* The file that is opened, "" when there is none. */
static const char *opened(struct eie_error *error)
{
    static char path[PATH_MAX];
    struct link_map *map = NULL;
    void *handle;
    if (eie_library_open(names, "EIE_NO_PACKAGE", &handle, error)) return "";
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) || !map) return "?";
    snprintf(path, sizeof path, "%s", map->l_name);
    dlclose(handle); /* the next test's is another one */
    return path;
}

static void assert_opened(const char *where)
{
    struct eie_error error;
    assert_string_equal(opened(&error), test_path(&folder, where));
}

static void set_path(const char *first, const char *second)
{
    char paths[2 * PATH_MAX];
    snprintf(paths, sizeof paths, "%s:%s", test_path(&folder, first), test_path(&folder, second));
    setenv("EIE_LIBRARY_PATH", paths, 1);
}

static int begin(void **state)
{
    (void)state;
    unsetenv("EIE_LIBRARY_PATH");
    unsetenv("EIE_NO_PACKAGE");
    test_folder_make(&folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    test_folder_remove(&folder);
    return 0;
}

static void one_that_is_nowhere_says_what_to_do(void **state)
{
    struct eie_error error;
    void *handle;
    (void)state;
    assert_bad(eie_library_open(names, "EIE_NO_PACKAGE", &handle, &error), EIE_MISSING, error,
               "set EIE_NO_PACKAGE or name its folder in EIE_LIBRARY_PATH");
}

static void folders_are_searched_in_order_and_names_in_theirs(void **state)
{
    (void)state;
    put("a", "other.so", NULL);
    put("b", "libeie_of_no_package.so.3", NULL);
    set_path("a", "b");
    assert_opened("b/libeie_of_no_package.so.3");
    put("b", "libeie_of_no_package.so.4", NULL);
    assert_opened("b/libeie_of_no_package.so.4");
    put("a", "libeie_of_no_package.so.3", NULL);
    assert_opened("a/libeie_of_no_package.so.3");
}

static void a_variable_names_the_only_file(void **state)
{
    (void)state;
    put("a", "libeie_of_no_package.so.4", NULL);
    put("b", "mine.so", NULL);
    set_path("a", "a");
    setenv("EIE_NO_PACKAGE", test_path(&folder, "b/mine.so"), 1);
    assert_opened("b/mine.so");
}

static void a_file_that_does_not_load_is_the_reason(void **state)
{
    struct eie_error error;
    void *handle;
    (void)state;
    put("a", "libeie_of_no_package.so.3", "no library");
    set_path("a", "a");
    assert_bad(eie_library_open(names, "EIE_NO_PACKAGE", &handle, &error), EIE_MISSING, error,
               "a/libeie_of_no_package.so.3");
    put("b", "libeie_of_no_package.so.3", NULL);
    set_path("a", "b"); /* the next one does */
    assert_opened("b/libeie_of_no_package.so.3");
}

static void nvidias_packages_have_folders_of_their_own(void **state)
{
    (void)state;
    put("lib/python3.9/site-packages/nvidia/empty/lib", "other.so", NULL);
    put("lib/python3.9/site-packages/nvidia/zz13/lib", "libeie_of_no_package.so.3", NULL);
    put("lib/python3.9/site-packages/others/cu13/lib", "libeie_of_no_package.so.4", NULL);
    set_path("none", "lib");
    assert_opened("lib/python3.9/site-packages/nvidia/zz13/lib/libeie_of_no_package.so.3");
    put("lib", "libeie_of_no_package.so.3", NULL);
    assert_opened("lib/libeie_of_no_package.so.3");
}

/* This program again, as if it lay in a build tree of the test's folder; what it opens. */
static void open_elsewhere(const char *where, char *line, int size)
{
    char command[2 * PATH_MAX];
    snprintf(command, sizeof command, "cd '%s' && cp /proc/%d/exe program && ./program open",
             test_path(&folder, where), (int)getpid());
    FILE *output = popen(command, "r");
    assert_non_null(output);
    assert_non_null(fgets(line, size, output));
    pclose(output);
}

static void packages_beside_a_build_tree_are_found(void **state)
{
    char line[PATH_MAX];
    (void)state;
    if (getenv("EIE_TEST_EMULATED")) skip(); /* another program would not be emulated */
    put(".venv/lib/python3.12/site-packages/nvidia/cu13/lib", "libeie_of_no_package.so.3", NULL);
    put("build/some", "CMakeCache.txt", "of a build");
    put("not/built", "other.so", NULL);
    open_elsewhere("not/built", line, sizeof line);
    assert_string_equal(line, "\n");
    open_elsewhere("build/some", line, sizeof line);
    assert_non_null(strstr(
        line, "/.venv/lib/python3.12/site-packages/nvidia/cu13/lib/libeie_of_no_package.so.3\n"));
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_is_nowhere_says_what_to_do, begin, end),
        cmocka_unit_test_setup_teardown(folders_are_searched_in_order_and_names_in_theirs, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_variable_names_the_only_file, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_does_not_load_is_the_reason, begin, end),
        cmocka_unit_test_setup_teardown(nvidias_packages_have_folders_of_their_own, begin, end),
        cmocka_unit_test_setup_teardown(packages_beside_a_build_tree_are_found, begin, end),
    };
    struct eie_error error = {.message = ""};
    if (count > 1 && !strcmp(arguments[1], "open")) {
        puts(opened(&error));
        return error.message[0] != '\0';
    }
    return getenv("EIE_TEST_LIBRARY") ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
