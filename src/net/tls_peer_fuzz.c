#include "base/utf8.h"
#include "net/openssl.h"
#include "net/tls_peer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A certificate in DER: its names are short UTF-8 without blanks, whatever lies in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const unsigned char *p = data;
    X509 *x509 = d2i_X509(NULL, &p, (long)n);
    for (int which = TLS_CLIENT_EMAIL; x509 && which <= TLS_CLIENT_COMMON_NAME; which++) {
        struct tls_client client = tls_client_of(x509, (enum tls_client_name)which);
        struct str name = str_c(client.name);
        assert(name.n <= TLS_CLIENT_NAME_BYTES_MAX && utf8_is_valid(name));
        assert(str_find_char(name, ' ') < 0 && str_find_char(name, '\n') < 0);
    }
    X509_free(x509);
    ERR_clear_error();
    return 0;
}
