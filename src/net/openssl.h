/* openssl.h: every OpenSSL header that we use, in one place, because OpenSSL's type ERR_STATE has the name of
 * one of our error kinds. Include nothing of <openssl/...> elsewhere in a file that knows base/err.h. */
#ifndef LOFT_NET_OPENSSL_H
#define LOFT_NET_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
