#include "auth/devices_private.h"
#include "auth/own/testing_credential.h"
#include "base/codec.h"
#include "base/file.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { DAY_MS = 24 * 3600 * 1000, KEEP_S = 90 * 24 * 3600 };

/* ---- a directory, an audit log and notices that the test reads ---- */

struct place {
    struct fixture f;
    struct devices *devices;
    struct audit *audit;
    char audit_path[64];
    unsigned notices;
    int notice_result;
};

static int count_notice(void *ctx, struct account_id account, const char *user, const struct device *device,
                        struct err *err)
{
    struct place *p = ctx;
    assert_int_equal(account.n, p->f.anna.account.n);
    assert_string_equal(user, "anna");
    assert_true(device->noticed);
    p->notices++;
    return p->notice_result < 0 ? err_set(err, (enum err_kind) - p->notice_result, "no") : 0;
}

static void open_devices(struct place *p)
{
    p->devices = devices_new(&(struct devices_params){ .users = p->f.users,
                                                       .clock = &p->f.clock.clock,
                                                       .audit = p->audit,
                                                       .keep_s = KEEP_S,
                                                       .notice = count_notice,
                                                       .notice_ctx = p });
}

static void begin(struct place *p)
{
    *p = (struct place){ .audit_path = "/tmp/devices-test-XXXXXX" };
    fixture_begin(&p->f);
    close(mkstemp(p->audit_path));
    const struct audit_params params = { p->audit_path, 0, 1, &p->f.clock.clock, logger_make(NULL) };
    assert_int_equal(audit_new(&params, &p->audit, &p->f.err), 0);
    open_devices(p);
}

static void end(struct place *p)
{
    devices_free(&p->devices);
    audit_free(&p->audit);
    unlink(p->audit_path);
    fixture_end(&p->f);
}

static void restart(struct place *p)
{
    devices_free(&p->devices);
    open_devices(p);
}

static struct auth_peer peer_at(uint32_t ipv4, const char *client)
{
    struct auth_peer peer = { .protocol = "imap", .has_ip = true, .client = str_c(client), .session = 17 };
    unsigned char ip[PEER_IP_BYTES] = { [10] = 0xff, 0xff };
    for (int i = 0; i < 4; i++)
        ip[12 + i] = (unsigned char)(ipv4 >> (24 - 8 * i));
    memcpy(peer.ip, ip, sizeof ip);
    return peer;
}

static void note_peer(struct place *p, const struct auth_peer *peer, uint64_t app_password)
{
    devices_note(p->devices,
                 &(struct device_sighting){ p->f.anna.account, "anna", peer, "PLAIN", app_password });
}

static void note(struct place *p, uint32_t ipv4, const char *client)
{
    struct auth_peer peer = peer_at(ipv4, client);
    note_peer(p, &peer, 0);
}

#define HOME   UINT32_C(0xc0000207) /* 192.0.2.7 */
#define HOME_2 UINT32_C(0xc0000208) /* the same /24 */
#define CAFE   UINT32_C(0xc6336407) /* 198.51.100.7 */

static void list_one(void *ctx, const struct device *device)
{
    char network[DEVICE_NETWORK_BYTES];
    device_network(device, network);
    buf_printf(ctx, "%s@%s ", device->client, network);
}

static void assert_devices(struct place *p, const char *expected)
{
    struct buf text = BUF_INIT;
    assert_int_equal(devices_each(p->devices, p->f.anna.account, list_one, &text, &p->f.err), 0);
    assert_string_equal(buf_c(&text), expected);
    buf_deinit(&text);
}

static unsigned suspicious(const struct place *p)
{
    struct buf text = BUF_INIT;
    struct err err;
    unsigned n = 0;
    assert_int_equal(file_read(p->audit_path, 1 << 20, &text, &err), 0);
    for (const char *c = buf_c(&text); (c = strstr(c, "\"event\":\"new-device\"")); c++)
        n++;
    buf_deinit(&text);
    return n;
}

static uint64_t version(const struct place *p)
{
    uint64_t v;
    assert_int_equal(store_version(p->f.store, DIRECTORY_ACCOUNT, &v, NULL), 0);
    return v;
}

/* ---- tests ---- */

static void test_device_is_client_network_mechanism_and_app_password(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    struct auth_peer home = peer_at(HOME, "tb"), nearby = peer_at(HOME_2, "tb");
    note_peer(&p, &home, 0);
    note_peer(&p, &nearby, 0); /* the same */
    clock_fake_advance(&p.f.clock, 1000);
    note_peer(&p, &home, 3); /* another app password */
    clock_fake_advance(&p.f.clock, 1000);
    note(&p, CAFE, "tb"); /* another network */
    assert_devices(&p, "tb@198.51.100.0/24 tb@192.0.2.0/24 tb@192.0.2.0/24 ");
    end(&p);
}

static void test_device_networks_as_text(void **state)
{
    (void)state;
    static const struct {
        bool has_ip;
        unsigned char ip[PEER_IP_BYTES];
        const char *network, *address;
    } cases[] = {
        { true, { [10] = 0xff, 0xff, 192, 0, 2, 7 }, "192.0.2.0/24", "192.0.2.7" },
        { true, { 0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, [15] = 9 }, "2001:db8:1::/48", "2001:db8:1:2::9" },
        { true, { [15] = 1 }, "::/48", "::1" },
        { false, { 1 }, "unix", "unix" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct device d = { .has_ip = cases[i].has_ip };
        char network[DEVICE_NETWORK_BYTES], address[PEER_ADDRESS_BYTES];
        memcpy(d.ip, cases[i].ip, sizeof d.ip);
        device_network(&d, network);
        device_address(&d, address);
        assert_row(strcmp(network, cases[i].network) == 0, i, network);
        assert_row(strcmp(address, cases[i].address) == 0, i, address);
    }
}

static void test_only_a_new_network_with_a_new_client_is_suspicious(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    note(&p, HOME, "tb"); /* the very first */
    note(&p, HOME_2, "phone");
    note(&p, CAFE, "phone");
    assert_int_equal(suspicious(&p), 0);
    note(&p, UINT32_C(0xcb007101), "curl");
    note(&p, UINT32_C(0xcb007101), "curl"); /* known by now */
    assert_int_equal(suspicious(&p), 1);
    struct auth_peer local = { .protocol = "imap", .client = STR("script") };
    note_peer(&p, &local, 0); /* of this machine */
    assert_int_equal(suspicious(&p), 1);
    assert_int_equal(devices_flush(p.devices, NULL), 0);
    assert_int_equal(p.notices, 1);
    end(&p);
}

static void test_clients_that_say_nothing_are_not_all_the_same(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    note(&p, HOME, "");
    note(&p, HOME_2, "");
    note(&p, HOME_2, "phone");
    assert_int_equal(suspicious(&p), 0);
    note(&p, CAFE, "");
    assert_int_equal(suspicious(&p), 1);
    note(&p, CAFE, ""); /* known by now */
    assert_int_equal(suspicious(&p), 1);
    end(&p);
}

static void test_notices_are_a_few_a_day_also_over_a_restart(void **state)
{
    (void)state;
    struct place p;
    char client[16];
    begin(&p);
    note(&p, HOME, "tb");
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(client, sizeof client, "c%u", i);
        note(&p, CAFE + (i << 8), client);
        if (i == 1)
            restart(&p);
    }
    assert_int_equal(devices_flush(p.devices, NULL), 0);
    assert_int_equal(p.notices, DEVICE_NOTICES_A_DAY);
    assert_int_equal(suspicious(&p), 10);
    clock_fake_advance(&p.f.clock, DAY_MS + 1);
    note(&p, UINT32_C(0x01020304), "late");
    assert_int_equal(devices_flush(p.devices, NULL), 0);
    assert_int_equal(p.notices, DEVICE_NOTICES_A_DAY + 1);
    end(&p);
}

static void test_devices_are_there_after_a_restart(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    note(&p, HOME, "tb");
    clock_fake_advance(&p.f.clock, 1000);
    note(&p, HOME, "mutt \xc3\xa9");
    restart(&p);
    assert_devices(&p, "mutt \xc3\xa9@192.0.2.0/24 tb@192.0.2.0/24 ");
    note(&p, CAFE, "tb"); /* not the first of the account, and the client is known */
    assert_int_equal(suspicious(&p), 0);
    end(&p);
}

static void test_sign_ins_cost_no_commit(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    note(&p, HOME, "tb");
    uint64_t before = version(&p);
    assert_int_equal(devices_flush(p.devices, NULL), 0);
    assert_int_equal(version(&p), before + 1);
    assert_int_equal(devices_flush(p.devices, NULL), 0);
    assert_int_equal(version(&p), before + 1); /* nothing to write */
    for (int i = 0; i < 100; i++)
        note(&p, HOME, "tb");
    assert_int_equal(version(&p), before + 1);
    end(&p);
}

static void test_devices_that_are_too_old_are_forgotten(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    note(&p, HOME, "old");
    restart(&p);
    clock_fake_advance(&p.f.clock, KEEP_S * INT64_C(1000));
    assert_devices(&p, "old@192.0.2.0/24 ");
    clock_fake_advance(&p.f.clock, 1);
    assert_devices(&p, "");
    note(&p, CAFE, "new"); /* it is as if the account were new */
    assert_int_equal(suspicious(&p), 0);
    restart(&p);
    struct device_list list = { 0 };
    assert_int_equal(device_load(p.f.users, p.f.anna.account, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    device_list_deinit(&list);
    end(&p);
}

static void test_an_account_has_so_many_devices_and_loses_the_oldest(void **state)
{
    (void)state;
    struct place p;
    char client[16];
    begin(&p);
    for (int i = 0; i <= DEVICES_PER_ACCOUNT_MAX; i++) {
        snprintf(client, sizeof client, "c%d", i);
        note(&p, HOME, client);
        clock_fake_advance(&p.f.clock, 1);
        if (i == 10)
            restart(&p); /* the first ones are in the store */
    }
    for (int again = 0; again < 2; again++) {
        struct buf text = BUF_INIT;
        assert_int_equal(devices_each(p.devices, p.f.anna.account, list_one, &text, NULL), 0);
        assert_null(strstr(buf_c(&text), "c0@"));
        assert_non_null(strstr(buf_c(&text), "c1@"));
        assert_non_null(strstr(buf_c(&text), "c64@"));
        buf_deinit(&text);
        restart(&p);
    }
    end(&p);
}

static void test_many_new_devices_do_not_push_out_those_of_old(void **state)
{
    (void)state;
    struct place p;
    char client[16];
    struct buf text = BUF_INIT;
    begin(&p);
    note(&p, HOME, "tb");
    clock_fake_advance(&p.f.clock, DAY_MS);
    note(&p, HOME, "tb");
    for (int i = 0; i < 2 * DEVICES_PER_ACCOUNT_MAX; i++) {
        clock_fake_advance(&p.f.clock, 1000);
        snprintf(client, sizeof client, "c%d", i);
        note(&p, CAFE, client);
        if (i == 10)
            restart(&p);
    }
    assert_int_equal(devices_each(p.devices, p.f.anna.account, list_one, &text, NULL), 0);
    assert_non_null(strstr(buf_c(&text), "tb@192.0.2.0/24 "));
    assert_non_null(strstr(buf_c(&text), "c127@"));
    assert_null(strstr(buf_c(&text), "c64@"));
    buf_deinit(&text);
    end(&p);
}

static void test_devices_of_a_deleted_account_are_gone(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    note(&p, HOME, "tb");
    restart(&p);
    note(&p, HOME, "mutt");
    assert_int_equal(devices_forget(p.devices, p.f.anna.account, &p.f.err), 0);
    assert_devices(&p, "");
    restart(&p);
    assert_devices(&p, "");
    end(&p);
}

static void test_what_a_client_says_is_cut_and_made_utf8(void **state)
{
    (void)state;
    struct place p;
    char client[500];
    struct buf text = BUF_INIT;
    begin(&p);
    memset(client, 'x', sizeof client - 1);
    client[sizeof client - 1] = '\0';
    client[3] = (char)0xff;
    note(&p, HOME, client);
    restart(&p);
    assert_int_equal(devices_each(p.devices, p.f.anna.account, list_one, &text, NULL), 0);
    assert_true(str_starts(buf_str(&text), STR("xxx\xef\xbf\xbdxx")));
    assert_int_equal(str_find_char(buf_str(&text), '@'), DEVICE_CLIENT_BYTES - 1);
    buf_deinit(&text);
    end(&p);
}

static void test_devices_that_cannot_be_written_are_written_later(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    note(&p, HOME, "tb");
    faulty_store_plan(p.f.store, &(struct faulty_plan){ .ops = FAULTY_COMMIT, .nth = 1, .error = ERR_FULL });
    assert_int_equal(devices_flush(p.devices, &p.f.err), -ERR_FULL);
    assert_devices(&p, "tb@192.0.2.0/24 ");
    restart(&p);
    assert_devices(&p, "tb@192.0.2.0/24 ");
    end(&p);
}

static void test_records_that_are_damaged_are_refused(void **state)
{
    (void)state;
    struct device d = { .first_ms = 1, .last_ms = 2, .has_ip = true, .mechanism = "PLAIN", .client = "tb" },
                  out;
    struct buf whole = BUF_INIT;
    device_encode(&d, &whole);
    assert_int_equal(device_decode(buf_str(&whole), &out, NULL), 0);
    for (size_t n = 0; n < whole.n; n++)
        assert_row(device_decode(str_sub(buf_str(&whole), 0, n), &out, NULL) == -ERR_CORRUPT, n, "cut");
    buf_put_u8(&whole, 0);
    assert_int_equal(device_decode(buf_str(&whole), &out, NULL), -ERR_CORRUPT);
    whole.p[0] = 2;
    assert_int_equal(device_decode(str_sub(buf_str(&whole), 0, whole.n - 1), &out, NULL), -ERR_CORRUPT);
    buf_deinit(&whole);
}

enum { THREADS = 8, SIGHTINGS_EACH = 200 };

static void *note_many(void *ctx)
{
    struct place *p = ctx;
    for (int i = 0; i < SIGHTINGS_EACH; i++) {
        struct auth_peer peer = peer_at(HOME + (uint32_t)(i % 7) * 256, i % 3 ? "tb" : "mutt");
        devices_note(p->devices,
                     &(struct device_sighting){ { 1000 + (uint64_t)i % 5 }, "bert", &peer, "PLAIN", 0 });
        if (i % 50 == 0)
            (void)!devices_flush(p->devices, NULL);
        if (i % 77 == 0)
            (void)!devices_forget(p->devices, (struct account_id){ 1000 }, NULL);
    }
    return NULL;
}

static void test_many_threads_note_write_and_forget(void **state)
{
    (void)state;
    struct place p;
    pthread_t threads[THREADS];
    begin(&p);
    devices_free(&p.devices);
    p.devices = devices_new(&(struct devices_params){
        .users = p.f.users, .clock = &p.f.clock.clock, .audit = p.audit, .keep_s = KEEP_S });
    assert_int_equal(devices_start(p.devices, &p.f.err), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_many, &p), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    restart(&p);
    struct buf text = BUF_INIT;
    unsigned count = 0;
    assert_int_equal(devices_each(p.devices, (struct account_id){ 1001 }, list_one, &text, NULL), 0);
    for (const char *c = buf_c(&text); (c = strchr(c, '@')); c++)
        count++;
    assert_true(count >= 7 && count <= 14);
    buf_deinit(&text);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device_is_client_network_mechanism_and_app_password),
        cmocka_unit_test(test_device_networks_as_text),
        cmocka_unit_test(test_only_a_new_network_with_a_new_client_is_suspicious),
        cmocka_unit_test(test_clients_that_say_nothing_are_not_all_the_same),
        cmocka_unit_test(test_notices_are_a_few_a_day_also_over_a_restart),
        cmocka_unit_test(test_devices_are_there_after_a_restart),
        cmocka_unit_test(test_sign_ins_cost_no_commit),
        cmocka_unit_test(test_devices_that_are_too_old_are_forgotten),
        cmocka_unit_test(test_an_account_has_so_many_devices_and_loses_the_oldest),
        cmocka_unit_test(test_many_new_devices_do_not_push_out_those_of_old),
        cmocka_unit_test(test_devices_of_a_deleted_account_are_gone),
        cmocka_unit_test(test_what_a_client_says_is_cut_and_made_utf8),
        cmocka_unit_test(test_devices_that_cannot_be_written_are_written_later),
        cmocka_unit_test(test_records_that_are_damaged_are_refused),
        cmocka_unit_test(test_many_threads_note_write_and_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
