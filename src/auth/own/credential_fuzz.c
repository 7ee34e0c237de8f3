#include "auth/own/app_password_use.h"
#include "auth/sasl/sasl.h"
#include "base/network.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What people type, and what was stored of a use: nothing of it may be read beyond its end. */
static void read_others(struct str in)
{
    char code[SECRET_CODE_CHARS_MAX];
    uint32_t scopes;
    struct buf text = BUF_INIT;
    struct app_password_use use = { .at_ms = 0 };
    if (secret_code_read(in, APP_PASSWORD_CHARS, code))
        assert(in.n >= APP_PASSWORD_CHARS);
    if (credential_scopes_parse(in, &scopes, NULL) == 0) {
        uint32_t again = ~scopes;
        credential_scopes_text(scopes, &text);
        assert(credential_scopes_parse(buf_str(&text), &again, NULL) == 0 && again == scopes);
        buf_deinit(&text);
    }
    if (app_password_use_decode(in, (struct account_id){ 7 }, &use, NULL) == 0)
        assert(memchr(use.address, 0, sizeof use.address));
    if (network_list_check(in, NULL) == 0)
        (void)network_list_contains(in, (const unsigned char[NETWORK_IP_BYTES]){ 0 });
}

/* What decodes can be used, and encodes to something that decodes to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credential credential, again;
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct err err;
    read_others(str_make(data, size));
    if (credential_decode(str_make(data, size), &credential, &err) < 0)
        return 0;
    assert(credential.app_password_count <= APP_PASSWORDS_MAX);
    for (size_t i = 0; i < credential.app_password_count; i++)
        assert(credential_find_app_password(&credential, credential.app_passwords[i].id) ==
               &credential.app_passwords[i]);
    credential_encode(&credential, &first);
    int r = credential_decode(buf_str(&first), &again, &err);
    assert(r == 0);
    (void)r;
    credential_encode(&again, &second);
    assert(str_eq(buf_str(&first), buf_str(&second)));
    while (credential.app_password_count > 0)
        credential_remove_app_password(&credential, credential.app_passwords[0].id);
    credential_deinit(&credential);
    credential_deinit(&again);
    sasl_wipe(&first);
    sasl_wipe(&second);
    return 0;
}
