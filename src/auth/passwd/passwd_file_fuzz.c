#include "auth/passwd/passwd_file.h"

#include <assert.h>
#include <sodium.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken can be verified. Only with the schemes that cost nothing: what the others may cost is bounded, but by seconds. */
static void try_entry(const struct passwd_entry *entry)
{
    struct scheme_facts facts;
    struct scram_verifier verifier;
    struct err err;
    assert(scheme_check(entry->stored, "CRYPT", &facts, &err) == 0);
    if (!facts.weak && !facts.never)
        return;
    int r = scheme_verify(entry->stored, "CRYPT", STR("secret"), &err);
    assert(r == 0 || r == -ERR_AUTH);
    r = scheme_scram(entry->stored, "CRYPT", SCRAM_SHA_1, STR("salt"), &verifier, &err);
    assert(facts.plain ? r == 0 : r == -ERR_CANNOT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct passwd_file_params params = { .scheme = "CRYPT",
                                               .domain = size % 2 ? "example.org" : "",
                                               .allow_weak = size % 3 != 0 };
    struct buf text = BUF_INIT;
    struct passwd_file *file;
    struct passwd_file_facts facts;
    struct err err;
    buf_add_bytes(&text, data, size);
    if (passwd_file_parse(&text, &params, NULL, NULL, &file, &facts, &err) == 0) {
        struct str rest = str_make(data, size);
        assert(facts.users <= size);
        for (int lines = 0; rest.n > 0 && lines < 20; lines++) {
            char name[USER_NAME_BYTES_MAX + 1];
            struct str line = str_cut(rest, '\n', &rest), behind;
            if (users_normalise_name(str_cut(line, ':', &behind), name, &err) < 0)
                continue;
            const struct passwd_entry *entry = passwd_file_find(file, str_c(name));
            if (entry && !entry->damaged)
                try_entry(entry);
        }
        passwd_file_free(&file);
    }
    buf_deinit(&text);
    return 0;
}
