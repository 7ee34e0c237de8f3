/* openssl.h: what we use of OpenSSL here, for the same reason in one place as net/openssl.h: its type ERR_STATE has the name of one
 * of our error kinds. Include nothing of <openssl/...> elsewhere in a file of this folder. */
#ifndef LOFT_AUTH_OPENSSL_H
#define LOFT_AUTH_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
