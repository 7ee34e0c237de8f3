#include "auth/credential.h"
#include "auth/sasl.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes can be used, and encodes to something that decodes to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credential credential, again;
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct err err;
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
