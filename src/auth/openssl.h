/* openssl.h: OpenSSL's digests, for the same reason in one place as net/openssl.h: its type ERR_STATE has the name of one
 * of our error kinds. Include nothing of <openssl/...> elsewhere in a file of this folder. */
#ifndef LOFT_AUTH_OPENSSL_H
#define LOFT_AUTH_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE

#endif
